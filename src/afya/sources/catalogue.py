"""The table of the public datasets that can be imported, in the order in which they are listed."""

from __future__ import annotations

from afya.errors import ConfigError
from afya.sources import (
    afriqa,
    apollo,
    apollo_corpus,
    ashabot,
    bionli,
    casimedicos,
    expertqa,
    frenchmedmcqa,
    headqa,
    healthbench,
    healthbench_br,
    healthver,
    hpo,
    igakuqa119,
    jmmlu,
    kormedmcqa,
    kqa,
    lafand_mt,
    liveqa,
    medexpqa,
    medmcqa,
    mednli,
    medqa,
    medquad,
    medsafetybench,
    mmedbench,
    mmlu,
    mmlu_african,
    mmlu_pro,
    pubmedqa,
    records,
    sib200,
    tico19,
    xlingeval,
    xstest,
)
from afya.sources.source import Source

SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE
    for module in (
        medqa,
        medmcqa,
        mmlu,
        mmlu_pro,
        pubmedqa,
        headqa,
        frenchmedmcqa,
        kormedmcqa,
        igakuqa119,
        jmmlu,
        casimedicos,
        apollo,
        healthbench_br,
        mmlu_african,
        kqa,
        medquad,
        tico19,
        sib200,
        medexpqa,
        mmedbench,
        liveqa,
        xlingeval,
        expertqa,
        bionli,
        mednli,
        healthver,
        afriqa,
        ashabot,
        healthbench,
        medsafetybench,
        xstest,
        apollo_corpus,
        hpo,
        lafand_mt,
        records,
    )
}


def source(name: str) -> Source:
    """The source of this name. Raises ConfigError naming the nearest ones."""
    found = SOURCES.get(name)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name.lower(), SOURCES, n=3, cutoff=0.4)
        raise ConfigError(f"Unknown source '{name}'.", hint=f"Known are: {', '.join(near or SOURCES)}.")
    return found
