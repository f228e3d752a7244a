"""Small files in every source's native format, written for these tests; no text is from a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from native_texts import TEXTS
from native_writing import Write, document, lines, plain

__all__ = ["NATIVE", "Write", "document", "lines", "plain"]


def medqa(folder: Path) -> None:
    options = {"A": "One", "B": "Five ", "C": "Nine", "D": "Twelve"}
    row = {"question": "How many fingers has a hand?", "answer": "Five", "options": options, "meta_info": "step1"}
    lines(folder / "dev.jsonl", {**row, "answer_idx": "B"}, {**row, "question": "How many eggs?", "answer_idx": "D"})
    lines(folder / "train.jsonl", {**row, "question": "How many planets?", "answer_idx": "C"})


def medmcqa(folder: Path) -> None:
    row = {"opa": "Skin", "opb": "Liver", "opc": "Heart", "opd": "Lung", "subject_name": "Anatomy", "exp": "It pumps."}
    lines(
        folder / "dev.json",
        {**row, "id": "q-1", "question": "What pumps blood?", "cop": 3, "choice_type": "single", "topic_name": None},
        {**row, "id": "q-2", "question": "What takes in air?", "cop": 4, "exp": None},
    )


def medmcqa_selection(folder: Path) -> None:
    options = {"A": "Skin", "B": "Liver", "C": "Heart", "D": "Lung"}
    row = {"question": "What pumps blood?", "options": options, "answer_idx": "C", "answer": "Heart", "realidx": "q-1"}
    lines(folder / "test.jsonl", row)


def mmlu(folder: Path) -> None:
    plain(
        folder / "test" / "anatomy_test.csv",
        '"Which bone, of these, is longest?",Femur,Ulna,Rib, Stapes,A\n"Where is\nthe heart?",Foot,Chest,Hand,Ear,B\n',
    )
    plain(folder / "dev" / "virology_dev.csv", "What does a virus need?,A cell,Light,Sand,Salt,A\n")
    plain(folder / "test" / "astronomy_test.csv", "Which planet is ours?,Mars,Earth,Venus,Pluto,B\n")


def mmlu_pro(folder: Path) -> None:
    options = ["Sugar", "Salt", "Fat", "Water", "Sand", "Bone"]
    row = {"question_id": 7, "question": "What is mostly drunk?", "options": options, "answer": "D", "src": "made up"}
    lines(
        folder / "test.jsonl",
        {**row, "category": "health"},
        {**row, "question_id": 8, "category": "law"},
        {
            "realidx": 9,
            "question": "What is white?",
            "options": {"A": "Salt", "B": "Coal", "C": "Tar"},
            "answer_idx": "A",
            "category": "health",
        },
    )


def pubmedqa(folder: Path) -> None:
    row = {"CONTEXTS": ["We walked.", "We got fitter."], "LABELS": ["METHODS", "RESULTS"], "YEAR": "2020"}
    document(
        folder / "ori_pqal.json",
        {
            "11": {**row, "QUESTION": "Does walking help?", "final_decision": "yes", "LONG_ANSWER": "Walking helps."},
            "12": {**row, "QUESTION": "Does sitting help?", "final_decision": "maybe", "YEAR": None},
        },
    )
    document(folder / "test_ground_truth.json", {"12": "maybe"})


def headqa(folder: Path) -> None:
    def content(language: str, question: str, first: str, second: str) -> dict[str, Any]:
        answers = [{"aid": 1, "atext": first}, {"aid": 2, "atext": f" {second}"}]
        data = [
            {"qid": "1", "qtext": question, "ra": "2", "answers": answers, "image": ""},
            {"qid": "2", "qtext": question, "ra": "1", "answers": answers, "image": "./images/2.png"},
            {"qid": "3", "qtext": question, "ra": "0", "answers": answers, "image": ""},
        ]
        exam = {"name": "Cuaderno_X", "year": "2017", "category": "nursing", "data": data}
        return {"version": 1.0, "language": language, "exams": {"Cuaderno_X": exam}}

    document(folder / "HEAD" / "train_HEAD.json", content("es", "¿Qué bebemos?", "Arena", "Agua"))
    document(folder / "HEAD_EN" / "train_HEAD_EN.json", content("en", "What do we drink?", "Sand", "Water"))


def frenchmedmcqa(folder: Path) -> None:
    answers = {"a": "Pomme", "c": "Poire", "b": "Pierre", "d": "Sable", "e": "Fer"}
    row = {"question": "Que mange-t-on ?", "answers": answers, "subject_name": "pharmacie", "type": "multiple"}
    document(
        folder / "train.json",
        [
            {**row, "id": "x1", "correct_answers": ["c", "a"], "nbr_correct_answers": 2},
            {**row, "id": "x1", "correct_answers": ["a"], "nbr_correct_answers": 1},
        ],
    )


def kormedmcqa(folder: Path) -> None:
    header = ",subject,year,period,q_number,question,A,B,C,D,E,answer,cot\n"
    row = "0,nurse,2021,1,{number},마시는 것은?,물,모래,돌,쇠,흙,{answer},{cot}\n"
    plain(folder / "nurse" / "valid.csv", header + row.format(number=1, answer="A", cot=""))
    examples = row.format(number=1, answer="1", cot="물이다.") + row.format(number=9, answer="1", cot="물이다.")
    plain(folder / "nurse" / "fewshot.csv", header + examples)


def igakuqa119(folder: Path) -> None:
    choices = ["a. 水", "b. 砂", "c. 石", "d. 鉄", "e. 茶"]
    document(
        folder / "questions" / "119A_json.json",
        [
            {"number": "119A1", "question": "飲むのはどれか。", "choices": choices, "has_image": False},
            {"number": "119A2", "question": "どれか。", "choices": choices, "has_image": True},
            {"number": "119A3", "question": "2に3を足せ。", "choices": [], "has_image": False},
            {"number": "119A4", "question": "どれか。", "choices": choices[:1] + choices[2:], "has_image": False},
        ],
    )
    plain(folder / "results" / "correct_answers.csv", "問題番号,解答\n119A1,ae\n119A2,a\n119A3,5\n119A4,a\n")


def jmmlu(folder: Path) -> None:
    plain(folder / "JMMLU" / "anatomy.csv", "\ufeff心臓はどこか,足, 胸 ,手,耳,B\n")


def casimedicos(folder: Path) -> None:
    def row(lang: str, question: str, fifth: str) -> dict[str, Any]:
        options = {"1": "aaa", "2": "bbb", "3": "ccc", "4": "ddd", "5": fifth}
        told = {"id": "case-1", "lang": lang, "split": "dev", "type": "T", "question": question, "options": options}
        return {**told, "answer": "3", "rationale": f"{question}!", "complete": True}

    lines(folder / "casimedicos_es.jsonl", row("es", "Un caso", "nan"))
    lost = row("en", "Two cases", "eee")
    del lost["options"]["2"]
    lines(folder / "casimedicos_en.jsonl", row("en", "A case", "nan"), {**lost, "id": "case-2"})


def apollo(folder: Path) -> None:
    document(
        folder / "test" / "zh.json",
        [
            {"question": "喝什么", "options": "(A) 水.\n(B) 沙.\n(C) 茶.", "answer": "(AC)", "source": "cmexam"},
            {"question": "吃什么", "options": "(A) 米.\n(B) 沙.\n(C) 石.\n(D) 铁.\n(E) .", "answer": "(A)"},
            {"question": "吃什么", "options": "(A) 米.\n(C) 石.", "answer": "(A)", "source": "cmexam"},
        ],
    )
    row = {"question": "क्या पीते हैं?", "options": "(A) पानी\n(B) रेत", "answer": "(A)", "source": "mmlu-medical-hi"}
    document(folder / "dev" / "hi.json", [row])


def healthbench_br(folder: Path) -> None:
    intro = 'No que diz respeito ao protocolo "P", a afirmação a seguir é verdadeira ou falsa? '
    document(
        folder / "benchmark_perguntas_unificado.json",
        [
            {
                "arquivo": "p.pdf",
                "titulo": "Protocolo P",
                "perguntas": [intro + "Bebe-se água.", intro + "Bebe-se areia."],
            }
        ],
    )


def healthbench_br_lines(folder: Path) -> None:
    row = {"protocol": "Protocolo P"}
    lines(
        folder / "healthbench_br.jsonl",
        {**row, "id": "p.pdf#0", "statement": "Bebe-se água.", "label": "Verdadeiro"},
        {**row, "id": "p.pdf#1", "statement": "Bebe-se areia.", "label": "Falso"},
    )


def mmlu_african(folder: Path) -> None:
    main = folder / "mmlu_cm_ck_vir"
    plain(
        main / "college_medicine_test.csv", "Where is the heart?,Foot,Chest,Hand,Ear,B\nWhat do we drink?,W,X,Y,Z,A\n"
    )
    plain(
        main / "college_medicine_test_zu.csv",
        "Iphi inhliziyo?,Unyawo,Isifuba,Isandla,Indlebe,B\nUphuza ini?,W,X,Y,Z,A\n",
    )
    plain(main / "college_medicine_test_xh.csv", "Iphi intliziyo?,Unyawo,Isifuba,Isandla,Indlebe,B\n")
    machine = "Ikuphi inhliziyo?,Unyawo,Isifuba,Isandla,Indlebe,B\nUphuzani?,W,X,Y,Z,A\n"
    plain(folder / "mmlu_cm_ck_vir_mt" / "college_medicine_test_zu.csv", machine)
    back = "Where lies the heart?,Foot,Chest,Hand,Ear,B\nWhat is drunk?,W,X,Y,Z,A\n"
    plain(folder / "mmlu_cm_ck_vir_bt" / "college_medicine_test_zu.csv", back)


def kqa(folder: Path) -> None:
    row = {"Question": "Can I drink water?", "Free_form_answer": "Yes, you can.", "Must_have": ["Water can be drunk"]}
    lines(folder / "questions_w_answers.jsonl", {**row, "Nice_to_have": [], "Sources": "a \n b", "ICD_10_diag": "X"})
    lines(folder / "questions.jsonl", {"Question": "May I?"})


def medquad(folder: Path) -> None:
    pairs = (
        '<QAPair pid="1"><Question qid="7-1" qtype="information">What is water ?</Question>'
        "<Answer>A drink.</Answer></QAPair>"
        '<QAPair pid="2"><Question qid="7-2" qtype="causes">What causes rain ?</Question><Answer></Answer></QAPair>'
    )
    start = '<?xml version="1.0" encoding="UTF-8"?>\n<Document id="7" source="ADAM" url="http://example.org/7">'
    plain(folder / "1_A_QA" / "7.xml", f"{start}<Focus>Water</Focus><QAPairs>{pairs}</QAPairs></Document>")
    again = pairs.replace("water", "ice").replace("<Answer></Answer>", "<Answer>Clouds.</Answer>")
    plain(folder / "1_A_QA" / "7_1.xml", f"{start}<Focus>Ice</Focus><QAPairs>{again}</QAPairs></Document>")


def medquad_lines(folder: Path) -> None:
    row = {"id": "1_A_QA/7-1", "source": "ADAM", "url": "http://example.org/7", "qtype": "information"}
    lines(
        folder / "medquad_nonempty.jsonl",
        {**row, "focus": "Water", "question": "What is water ?", "answer": "A drink."},
        {**row, "focus": "Ice", "question": "What is ice ?", "answer": "A drink."},
    )


def tico19(folder: Path) -> None:
    row = {
        "en": "wash your hands",
        "id": "cuci tangan",
        "es-419": "lávese las manos",
        "fuv": "loota",
        "sw": "nawa mikono",
    }
    lines(folder / "tico19_multiparallel.jsonl", row, {**row, "en": "stay home", "sw": "kaa nyumbani"})
    head = "id,sourceLang,targetLang,sourceString,targetString\n"
    plain(folder / "terminologies" / "f_en-ns_ZA.csv", head + "1,en,ns_ZA,cough,gohlola\n2,en,ns_ZA,water,meetse\n")
    plain(folder / "terminologies" / "f_en-es_XX.csv", head + "1,en,es_XX,cough,tos\n,,es_XX,,\n")
    wide = "stringID,sourceLang,targetLang,pos,description,sourceString,targetString\n"
    plain(folder / "terminologies" / "g_en_pt-BR.csv", wide + '1,en,pt-BR,noun,"said, of rain",wet,molhado\n')


def sib200(folder: Path) -> None:
    row = {"id": "sib200-4", "split": "train", "category": "health", "eng_Latn": "We drink.", "yor_Latn": "A ń mu."}
    lines(folder / "sib200_parallel.jsonl", {**row, "xyz_Latn": "Zzz."})


def sib200_tsv(folder: Path) -> None:
    for code, sentence in (("eng_Latn", "We drink."), ("yor_Latn", "A ń mu.")):
        content = f"index_id\tcategory\ttext\n4\thealth\t{sentence}\n"
        plain(folder / "annotated" / code / "train.tsv", content)


NATIVE: dict[str, Write] = {
    "medqa": medqa,
    "medmcqa": medmcqa,
    "mmlu": mmlu,
    "mmlu-pro": mmlu_pro,
    "pubmedqa": pubmedqa,
    "headqa": headqa,
    "frenchmedmcqa": frenchmedmcqa,
    "kormedmcqa": kormedmcqa,
    "igakuqa119": igakuqa119,
    "jmmlu": jmmlu,
    "casimedicos": casimedicos,
    "apollo": apollo,
    "healthbench-br": healthbench_br,
    "mmlu-african": mmlu_african,
    "kqa": kqa,
    "medquad": medquad,
    "tico19": tico19,
    "sib200": sib200,
    **TEXTS,
}
