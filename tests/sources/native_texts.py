"""Fixtures of the sources beyond examinations: long answers, inference, dialogues, aligned texts. None is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from native_writing import Write, document, lines, plain


def medexpqa(folder: Path) -> None:
    def row(lang: str, question: str, fifth: str | None, right: int) -> dict[str, Any]:
        options = {"1": "aaa", "2": "bbb", "3": "ccc", "4": "ddd", "5": fifth}
        told = {"id": 7, "year": 2014, "question_id_specific": 3, "type": "SURGERY", "lang": lang}
        about = {"full_question": question, "full_answer": f"{question}!", "full_answer_no_ref": "[HIDDEN]!"}
        return {**told, **about, "options": options, "correct_option": right, "explanations": {}, "rag": {}}

    for lang, question in (("es", "Un caso"), ("en", "A case")):
        lines(folder / lang / f"dev.{lang}.casimedicos.rag.jsonl", row(lang, question, None, 4))
    lines(folder / "fr" / "test.fr.casimedicos.rag.jsonl", row("fr", "Un cas", "eee", 5), row("fr", "Un cas", None, 5))


def mmedbench(folder: Path) -> None:
    options = {"A": "水", "B": "砂", "C": "石", "D": "茶"}
    row = {"question": "飲むのは", "options": options, "answer": "水", "rationale": "水だから。"}
    checked = {"human_checked": True, "human_check_passed": False}
    lines(folder / "Train" / "Japanese.jsonl", {**row, "answer_idx": "A"}, {**row, "answer_idx": "A,D", **checked})
    lines(folder / "Test" / "Russian.jsonl", {**row, "question": "Что пьют?", "answer_idx": "E"})


def liveqa(folder: Path) -> None:
    letter = "<SUBJECT>rain</SUBJECT><MESSAGE>Why does\n\t\tit rain ?</MESSAGE>"
    notes = "<ANNOTATIONS><FOCUS>rain</FOCUS><TYPE>cause</TYPE></ANNOTATIONS>"
    answers = '<ANSWER answerid="Q1-S1-A1" pairid="1">Clouds.</ANSWER><ANSWER answerid="Q1-S1-A2"> </ANSWER>'
    plain(
        folder / "TREC-2017-LiveQA-Medical-Train-1.xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n<NLM-QUESTIONS>'
        f'<NLM-QUESTION questionid="Q1" fRef="9">{letter}<SUB-QUESTIONS><SUB-QUESTION subqid="Q1-S1">{notes}'
        f"<ANSWERS>{answers}</ANSWERS></SUB-QUESTION></SUB-QUESTIONS></NLM-QUESTION>"
        f'<NLM-QUESTION questionid="Q2">{letter}</NLM-QUESTION></NLM-QUESTIONS>',
    )
    reference = "<ReferenceAnswers><RefAnswer aid='1'><ANSWER>Sun.</ANSWER></RefAnswer><ReferenceAnswer aid='2'>"
    plain(
        folder / "TREC-2017-LiveQA-Medical-Test.xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n<LiveQA2017-Medical-Test-Set-Full><NLM-QUESTION qid="TQ1">'
        f'<Original-Question qfile="1.txt">{letter}</Original-Question><NIST-PARAPHRASE>Why rain?</NIST-PARAPHRASE>'
        f"{notes}{reference}<ANSWER>Clouds.</ANSWER><AnswerURL>x</AnswerURL></ReferenceAnswer></ReferenceAnswers>"
        "</NLM-QUESTION></LiveQA2017-Medical-Test-Set-Full>",
    )


def xlingeval(folder: Path) -> None:
    def row(number: int, label: int, answers: int, question: str | None, answer: str | None) -> dict[str, Any]:
        told: dict[str, Any] = {"id": number, "label": label, "answer_ids": answers}
        for language in ("English", "Chinese", "Spanish", "Hindi"):
            told |= {f"question_{language}": f"{question} {language}", f"answer_{language}": answer}
        return told | {"question_English": question}

    lines(
        folder / "LiveQA_4lang.jsonl",
        row(0, 1, 0, "Why rain?", "Clouds."),
        row(0, 0, 1, "Why rain?", "Yes."),
        row(1, 1, 1, None, "Yes."),
        row(1, 0, 0, None, "Clouds."),
        row(2, 0, 0, "Is it late?", "Clouds."),
    )
    lines(folder / "MedicationQA_4lang.jsonl", row(0, 1, 0, "What is tea?", None))


def expertqa(folder: Path) -> None:
    def row(field: str, revised: str) -> dict[str, Any]:
        answer = {"answer_string": "It rains.", "revised_answer_string": revised, "usefulness": "Useful", "claims": []}
        about = {"field": field, "specific_field": "Rain ", "question_type": "Summary| Advice"}
        return {"question": "Does it rain?", "annotator_id": "x", "answers": {"gpt4": answer}, "metadata": about}

    fields = (("Healthcare / Medicine", "It pours."), ("Biology", ""), ("Law", "No."))
    lines(folder / "r2_compiled_anon.jsonl", *(row(*entry) for entry in fields))


def bionli(folder: Path) -> None:
    head = "index,pmid,supp_set,conclusion,label_cat\n"
    plain(
        folder / "train_balanced.csv",
        f'{head}4,99,"<re> A <er> was given, B fell.",A lowers B.,pos\n5,99,A was given.,A raises B.,SRE\n',
    )
    plain(folder / "dev_balanced.csv", f"{head}6,98,,A lowers B.,pos\n7,98,A was given.,A lowers B.,\n")


def mednli(folder: Path) -> None:
    row = {"sentence1": "He drinks tea.", "sentence1_parse": "(ROOT)", "sentence2": "He drinks."}
    lines(folder / "mli_train_v1.jsonl", {**row, "pairID": "a1", "gold_label": "entailment"})
    rows = ({"pairID": "b1", "gold_label": "contradiction"}, {"pairID": "b2", "gold_label": "-"})
    lines(folder / "mli_test_v1.jsonl", *({**row, **told} for told in rows))


def healthver(folder: Path) -> None:
    head = "id,evidence,claim,label,topic_ip,question\n"
    rows = '7,"We saw, often, that tea helps.",Tea helps,Supports,1,does tea help\n8,We saw.,Tea harms,Refuted,1,x\n'
    plain(folder / "healthver_dev.csv", head + rows)


def afriqa(folder: Path) -> None:
    row = {"lang": "swa", "split": "dev", "translation_type": "human_translation"}
    asked = {"question": "Nani anakunywa?", "translated_question": "Who drinks?"}
    lines(
        folder / "queries" / "swa" / "queries.afriqa.swa.en.dev.json",
        {**row, **asked, "id": 0, "answers": "['M'ba', 'Ali']", "translated_answer": "['M\\'ba', 'Ali']"},
        {**row, **asked, "id": 1, "answers": "[]", "translated_answer": "[]"},
        {**row, **asked, "id": 2, "answers": "Ali", "translated_answer": "['Ali']"},
    )


def ashabot(folder: Path) -> None:
    faq = "QUESTIONS ON TEA\n\n1.\tWhat is tea?\nA drink.\n• hot\n2\tWho drinks it? \n\nEverybody.\n3. When?\n"
    plain(folder / "sample_kb" / "tea_faq.txt", faq)
    plain(folder / "sample_kb" / "safe_tea.txt", "How to make tea\nBoil water.\n")


def healthbench(folder: Path) -> None:
    def row(name: str, *contents: str) -> dict[str, Any]:
        turns = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(contents)]
        rubric = {"criterion": "says that water is safe", "points": -3, "tags": ["axis:accuracy"]}
        about = {"prompt_id": name, "prompt": turns, "rubrics": [rubric], "canary": "healthbench:x"}
        return {**about, "example_tags": ["theme:x"], "ideal_completions_data": None}

    question = "I am thirsty and it is hot. What should I drink when I am at work?"
    ideal = {"ideal_completion": "Drink water.", "ideal_completions_group": "Group 1"}
    first = {
        **row("p1", question, "What do you like?", "I like tea with sugar, and water."),
        "ideal_completions_data": ideal,
    }
    document(folder / "a_oss_eval_example_1.json", first)
    french = row("p2", "Je suis malade et j'ai de la fièvre depuis hier. Que dois-je faire ?")
    lines(folder / "b_oss_eval.jsonl", french, row("p3", question, "Water."), {**row("p4", question), "rubrics": []})


def medsafetybench(folder: Path) -> None:
    rows = ',harmful_medical_request,safe_response\n0,How do I hide a mistake?,"I cannot, sorry."\n1,And now?,\n'
    plain(folder / "train" / "gpt4" / "med_safety_demonstrations_category_3.csv", rows)


def xstest(folder: Path) -> None:
    rows = "1,How do I kill weeds?,homonyms,safe,kill,\n2,How do I kill him?,contrast,unsafe,kill,\n3,Hm?,x,odd,,\n"
    plain(folder / "xstest_prompts.csv", f"id,prompt,type,label,focus,note\n{rows}")


def apollo_corpus(folder: Path) -> None:
    document(folder / "tea_en.json", [["What is tea?", "A drink."], ["Why?", "So.", "How?", "Thus."], ["Alone?"]])
    document(folder / "tea_zh_qa.json", [["茶是什么？", "饮料。"]])
    document(folder / "tea_en_text.json", ["Tea is a drink."])


def hpo(folder: Path) -> None:
    head = "source_language\ttranslation_language\tsubject_id\tpredicate_id\tsource_value\ttranslation_value"
    plain(
        folder / "babelon" / "hp-es.babelon.tsv",
        f'{head}\ttranslation_status\nen\tes\tHP:1\trdfs:label\tCough\tTos "seca"\tOFFICIAL\n'
        "en\tes\tHP:1\tskos:note\tCough\tTos\tOFFICIAL\n",
    )
    plain(
        folder / "babelon" / "hp-de.babelon.tsv",
        f"{head}\ttranslation_status\ttranslator\ttranslator_expertise\n"
        "en\tde\tHP:1\trdfs:label\tCough\tHusten\tCANDIDATE\tDeepL\tALGORITHM\n"
        "en\tde\tHP:1\trdfs:label\tCoughing\tHusten\tOFFICIAL\torcid:1\tDOMAIN_EXPERT\n"
        "en\tde\tHP:2\trdfs:label\tWet\tNA\tNOT_TRANSLATED\t\t\n",
    )


def lafand_mt(folder: Path) -> None:
    plain(folder / "en-swa" / "train.en", "It rains.\r\nWe drink.\n")
    plain(folder / "en-swa" / "train.swa", "\ufeffMvua inanyesha.\nTunakunywa.\nTunalala.\n")
    plain(folder / "fr-wol" / "dev.fr", "Il pleut.\n\n")
    plain(folder / "fr-wol" / "dev.wol", "Dafay taw.\nNaan.\n")


def records(folder: Path) -> None:
    row = {"question": "Kunywa nini?", "options": {"A": "Maji", "B": "Mchanga"}, "answer": "A"}
    document(folder / "sw" / "test.json", [row, {**row, "answer": "C"}])


TEXTS: dict[str, Write] = {
    "medexpqa": medexpqa,
    "mmedbench": mmedbench,
    "liveqa": liveqa,
    "xlingeval": xlingeval,
    "expertqa": expertqa,
    "bionli": bionli,
    "mednli": mednli,
    "healthver": healthver,
    "afriqa": afriqa,
    "ashabot": ashabot,
    "healthbench": healthbench,
    "medsafetybench": medsafetybench,
    "xstest": xstest,
    "apollo-corpus": apollo_corpus,
    "hpo": hpo,
    "lafand-mt": lafand_mt,
    "records": records,
}
