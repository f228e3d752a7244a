"""Files shaped like those that publishers put out, small, with texts written for these tests."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

QUESTIONS = (
    ("Which vitamin does sunlight help the skin to make?", ("Vitamin C", "Vitamin D", "Vitamin K", "Vitamin A"), 1),
    ("What carries malaria from person to person?", ("Flies", "Ticks", "Lice", "Mosquitoes"), 3),
    ("Which organ makes insulin?", ("Pancreas", "Liver", "Spleen", "Kidney"), 0),
    ("What is given first for dehydration of a child?", ("Antibiotics", "Zinc alone", "Oral rehydration", "Iron"), 2),
    ("Which sign is a danger sign in pregnancy?", ("Hunger", "Heavy bleeding", "Sleepiness", "Thirst"), 1),
)
SAID = (1, 3, 0, 1, None)
"""What the model of the files chose: three right, one wrong, one none."""

RIGHT = 3
LETTERS = "ABCD"


def letter(place: int | None) -> str:
    """The label of an option; nothing for none."""
    return "" if place is None else LETTERS[place]


def reply(place: int | None) -> str:
    """A reply in free text."""
    return "I cannot tell." if place is None else f"Let us think.\nThe answer is ({LETTERS[place]})."


def write_json(path: Path, value: object) -> Path:
    """A file of one JSON value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def write_lines(path: Path, rows: Sequence[object]) -> Path:
    """A file of JSON lines, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path.suffix == ".gz":
        with gzip.open(path, "wt", encoding="utf-8") as handle:
            handle.write(text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


def paper_list(path: Path) -> Path:
    """A list of objects with "pred" and "gold", as papers put out."""
    rows = [
        {
            "idx": at,
            "question": text,
            "options": dict(zip(LETTERS, options, strict=True)),
            "gold": letter(right),
            "pred": letter(said),
        }
        for at, ((text, options, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True))
    ]
    return write_json(path, rows)


def mmlu_table(path: Path) -> Path:
    """MMLU's evaluation: the question's own columns by number, then a verdict and a probability an option."""
    lines = [
        "0,1,2,3,4,5,davinci_correct,davinci_choiceA_probs,davinci_choiceB_probs,davinci_choiceC_probs,davinci_choiceD_probs"
    ]
    for (text, options, right), said in zip(QUESTIONS, SAID, strict=True):
        place = 2 if said is None else said
        shares = ["0.7" if at == place else "0.1" for at in range(4)]
        lines.append(",".join([text, *options, LETTERS[right], str(place == right), *shares]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def harness_scored(folder: Path) -> Path:
    """lm-evaluation-harness: log-probabilities of options."""
    rows = []
    for at, ((text, options, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True)):
        place = 2 if said is None else said
        sums = [[str(-0.5 if option == place else -3.0 - option), str(option == place)] for option in range(4)]
        rows.append(
            {
                "doc_id": at,
                "doc": {"question": text, "choices": list(options), "answer": right},
                "target": str(right),
                "arguments": {
                    f"gen_args_{n}": {"arg_0": f"{text}\nAnswer:", "arg_1": f" {LETTERS[n]}"} for n in range(4)
                },
                "resps": [[one] for one in sums],
                "filtered_resps": sums,
                "filter": "none",
                "acc": float(place == right),
            }
        )
    return write_lines(folder / "org__small-model" / "samples_medqa_2025-01-02T03-04-05.678.jsonl", rows)


def harness_written(folder: Path) -> Path:
    """lm-evaluation-harness: generated text with two filters."""
    rows = []
    for name in ("strict", "flexible"):
        for at, ((text, options, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True)):
            rows.append(
                {
                    "doc_id": at,
                    "doc": {"question": text, "options": dict(zip(LETTERS, options, strict=True))},
                    "target": LETTERS[right],
                    "arguments": [[text, {"until": ["\n\n"]}]],
                    "resps": [[reply(said)]],
                    "filtered_resps": [letter(said) or "[invalid]"],
                    "filter": name,
                    "exact_match": float(said == right),
                }
            )
    return write_lines(folder / "org__writer" / "samples_medqa_cot.jsonl", rows)


def inspect_log(path: Path, epochs: int = 1) -> Path:
    """A log of inspect_ai, as JSON or as an archive."""
    header = {"version": 2, "status": "success", "eval": {"task": "tasks/clinic_qa", "model": "openai/gpt-x"}}
    samples = [
        {
            "id": at,
            "epoch": epoch,
            "input": text,
            "choices": list(options),
            "target": LETTERS[right],
            "output": {
                "model": "gpt-x",
                "choices": [
                    {
                        "message": {
                            "role": "assistant",
                            "content": [
                                {"type": "reasoning", "reasoning": "C?"},
                                {"type": "text", "text": f"ANSWER: {letter(said)}"},
                            ],
                        },
                        "stop_reason": "stop",
                    }
                ],
            },
            "scores": {"choice": {"value": "C" if said == right else "I", "answer": letter(said)}},
        }
        for epoch in range(1, epochs + 1)
        for at, ((text, options, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True), start=1)
    ]
    if path.suffix == ".eval":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("header.json", json.dumps(header))
            for sample in samples:
                archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
        return path
    return write_json(path, {**header, "samples": samples})


def helm_state(folder: Path) -> Path:
    """HELM's scenario_state.json."""
    states: list[dict[str, Any]] = []
    for at, ((text, options, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True)):
        states.append(
            {
                "instance": {
                    "id": f"id{at}",
                    "input": {"text": text},
                    "references": [
                        {"output": {"text": option}, "tags": ["correct"] if n == right else []}
                        for n, option in enumerate(options)
                    ],
                },
                "output_mapping": dict(zip(LETTERS, options, strict=True)),
                "request": {"model": "maker/helm-model", "prompt": f"{text}\nAnswer:"},
                "result": {"success": True, "completions": [{"text": f" {letter(said)}", "logprob": -0.1}]},
            }
        )
    return write_json(
        folder / "med_qa:model=helm" / "scenario_state.json",
        {"adapter_spec": {"method": "multiple_choice_joint"}, "request_states": states},
    )


def openai_events(path: Path) -> Path:
    """The events of an OpenAI eval."""
    rows: list[dict[str, Any]] = [{"spec": {"completion_fns": ["gpt-y"], "eval_name": "clinic", "run_id": "r"}}]
    for at, ((text, _, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True)):
        prompt = [{"role": "system", "content": "Answer with a letter."}, {"role": "user", "content": text}]
        rows.append(
            {
                "run_id": "r",
                "event_id": 2 * at,
                "sample_id": f"s.{at}",
                "type": "sampling",
                "data": {"prompt": prompt, "sampled": [reply(said)]},
            }
        )
        rows.append(
            {
                "run_id": "r",
                "event_id": 2 * at + 1,
                "sample_id": f"s.{at}",
                "type": "match",
                "data": {"correct": said == right, "expected": LETTERS[right], "picked": letter(said) or None},
            }
        )
    rows.append({"final_report": {"accuracy": 0.6}})
    return write_lines(path, rows)


def wide_table(path: Path) -> Path:
    """One column of replies for each model, one of verdicts each, questions with the options inside."""
    lines = ["qid;question;key;alpha_output;alpha_ok;beta_output;beta_ok"]
    for at, ((text, options, right), said) in enumerate(zip(QUESTIONS, SAID, strict=True)):
        asked = text + "\n" + "\n".join(f"{sign}) {option}" for sign, option in zip(LETTERS, options, strict=True))
        cells = [
            f"q{at}",
            asked,
            LETTERS[right],
            reply(said),
            str(int(said == right)),
            f"Answer: {LETTERS[right]}",
            "1",
        ]
        lines.append(";".join(f'"{cell}"' for cell in cells))
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


def nested_results(path: Path) -> Path:
    """An object with the rows inside, options that carry their labels, and answers in a list."""
    rows = [
        {
            "question_number": f"119A{at}",
            "question_text": text,
            "choices": [f"{sign.lower()}. {option}" for sign, option in zip(LETTERS, options, strict=True)],
            "answers": [{"model": "someone/llm:latest", "answer": letter(said).lower(), "confidence": 0.9}],
        }
        for at, ((text, options, _), said) in enumerate(zip(QUESTIONS, SAID, strict=True), start=1)
    ]
    return write_json(path, {"experiment_id": "119A_llm", "results": rows})


def answer_key(path: Path) -> Path:
    """The right answers of `nested_results` apart, with a question that the replies lack and names in Japanese."""
    lines = [
        "問題番号,解答",
        *(f"119A{at},{LETTERS[right].lower()}" for at, (_, _, right) in enumerate(QUESTIONS, start=1)),
        "119A6,ce",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
