"""The English phrases and the rows of the danger signs of pregnancy, newborns, adults and accidents.

The sentences are written for these tests. They show what the phrases find; they are no measure of how much they miss.
"""

from __future__ import annotations

import pytest

from afya.assistant.resources import triage_rows
from afya.assistant.understanding.speech import Language
from afya.assistant.understanding.triage import danger_signs
from afya.packs import load_pack
from afya.text.normalise import normalise

SEEN: dict[str, list[str]] = {
    "bleeding_in_pregnancy": [
        "A pregnant woman in my village has started bleeding since morning.",
        "She is five months pregnant and has some bleeding",
        "There is blood coming from the vagina and she is expecting",
        "My wife is bleeding from below and she is pregnant",
        "Vaginal bleeding, 8th month",
        "She gave birth yesterday and the woman is bleeding a lot",
        "I think it is a miscarriage, blood came this night",
        "bleeding in the 7th month",
    ],
    "severe_headache_blurred_vision": [
        "She has a very bad headache and sees spots",
        "Severe headache since yesterday in a pregnant woman",
        "her vision is blurred since this morning",
        "The mother cannot see well after the birth and her head hurts",
        "It is the worst headache of his life",
        "She complains of blurry vision",
        "A man has a sudden terrible headache",
    ],
    "severe_belly_pain": [
        "She has severe pain in the lower belly and is pregnant",
        "Severe abdominal pain since last night",
        "His stomach pain is severe and he vomits",
        "The woman has unbearable pain in her belly",
        "the belly is hard and painful",
        "She has strong pain in the stomach",
        "He is screaming with belly pain",
    ],
    "labour_danger": [
        "Her waters broke two days ago and there is no labour",
        "The cord came out first",
        "She has been in labour since yesterday and the baby does not come",
        "A hand is coming out",
        "The baby is stuck",
        "She is leaking water at 7 months",
        "The feet came first",
        "Labour has lasted more than 24 hours",
        "The water is green",
    ],
    "baby_not_moving": [
        "The baby has not moved since yesterday",
        "She does not feel the baby any more",
        "She cannot feel her baby move",
        "the baby in the womb is no longer moving",
        "Fewer movements of the baby since two days",
        "The baby stopped kicking",
        "baby not moving for 12 hrs",
    ],
    "placenta_retained": [
        "She delivered at home and the placenta has not come out",
        "The afterbirth is still inside after one hour",
        "The placenta didn't come",
        "Part of the placenta remained",
        "placenta is stuck inside",
        "The baby is born but the placenta is not out yet",
        "retained placenta after home birth",
    ],
    "newborn_cold": [
        "The newborn's body is cold",
        "My baby of 3 days feels very cold",
        "The baby is cold to the touch and sleepy",
        "temperature 35.1 in a newborn",
        "Her hands and feet are cold, body is cold too",
        "The baby has become cold during the night",
        "hypothermia in a newborn baby",
    ],
    "yellow_palms_soles": [
        "The baby's palms are yellow",
        "His hands and feet are yellow",
        "Soles of the feet look yellow",
        "The newborn is yellow all over",
        "The baby was yellow on the first day",
        "her feet have turned yellow",
        "The whole body is yellow",
    ],
    "chest_pain": [
        "He has pain in the chest and sweats",
        "Chest pain since one hour",
        "My father feels pressure on his chest",
        "Her chest hurts when she walks",
        "There is a heaviness in his chest",
        "I think it is a heart attack",
        "tightness in the chest going to the arm",
    ],
    "stroke_signs": [
        "His mouth is pulled to one side",
        "Her face is drooping and she cannot speak suddenly",
        "One side of his body is weak",
        "He cannot lift one arm since this morning",
        "She had a stroke today",
        "His speech is slurred",
        "half of the body is paralysed",
        "The left side is weak",
    ],
    "snake_bite": [
        "A snake bit my son on the foot",
        "He was bitten by a big snake",
        "Snakebite on the hand",
        "The girl was bitten by a cobra in the field",
        "she stepped on a snake and it bit her, the snake has bitten her leg",
        "bitten by an unknown snake one hour ago",
        "A puff adder bite",
    ],
    "animal_bite": [
        "A dog bit the child on the leg",
        "She was bitten by a stray dog",
        "My son was scratched by a cat",
        "bitten by a bat at night",
        "monkey bite on the arm",
        "The dog has bitten him",
        "A mad dog attacked a man",
    ],
    "severe_burn": [
        "Boiling water fell on the child",
        "The baby was scalded with tea",
        "He has a large burn on the back",
        "She burned her face with oil",
        "His clothes caught fire",
        "An electric shock from the wire",
        "badly burnt hand",
        "acid was thrown on her",
        "she fell into the cooking fire",
    ],
    "severe_injury": [
        "He fell from a mango tree and cannot move",
        "The child hit his head on the floor",
        "A road accident with two wounded",
        "He was hit by a car",
        "The bone is sticking out of the leg",
        "He was stabbed in the belly",
        "deep cut on the arm from a panga",
        "She fell off the roof",
    ],
    "self_harm": [
        "She says she wants to die",
        "He tried to kill himself",
        "My neighbour is suicidal",
        "She has been cutting herself",
        "The mother has thoughts of harming her baby",
        "I do not want to live any more",
        "He said there is no reason to live",
        "life is not worth living she says",
    ],
    "sexual_violence": [
        "A girl was raped last night",
        "She was forced to have sex",
        "He forced himself on her",
        "My daughter was sexually abused",
        "A child was defiled by a neighbour",
        "sexual assault two days ago",
        "Her husband forces her to have sex by force",
    ],
    "severe_allergy": [
        "Her lips are swollen after a bee sting",
        "His tongue is swelling after the injection",
        "The throat is closing",
        "I think it is a severe allergic reaction to penicillin",
        "His face and lips swelled up after eating fish",
        "anaphylaxis after a sting",
        "face is swelling up after taking the tablet",
    ],
    "coughing_blood": [
        "He coughs blood since three days",
        "She is coughing up blood",
        "There is blood in his sputum",
        "coughing out fresh blood",
        "blood comes when she coughs",
        "His spit has blood... he is spitting blood",
        "bloody sputum for one week",
    ],
}

# Look-alikes, denials and everyday questions: none of them is a danger sign of any rule.
UNSEEN: dict[str, list[str]] = {
    "bleeding_in_pregnancy": [
        "She is pregnant and has no bleeding.",
        "Is it normal that the pregnant woman feels tired?",
        "Her gums are sore and she is 20 weeks pregnant",
        "The pregnant woman has no vaginal bleeding and feels well",
    ],
    "severe_headache_blurred_vision": [
        "He has a mild headache after work",
        "She has no severe headache",
        "The child has a headache and a cold",
        "No blurred vision, no headache",
    ],
    "severe_belly_pain": [
        "He has a little stomach ache after eating",
        "No severe abdominal pain",
        "She has mild cramps during her period",
        "Her stomach is upset",
    ],
    "labour_danger": [
        "She wants to know when labour will begin",
        "No leaking fluid, no pains",
        "She is 38 weeks and well",
        "How should we prepare for the birth?",
    ],
    "baby_not_moving": [
        "The baby moves well",
        "She feels the baby moving every day",
        "The baby is moving a lot at night",
    ],
    "placenta_retained": [
        "The placenta came out whole",
        "What is the placenta?",
        "The placenta was delivered after 10 minutes",
    ],
    "newborn_cold": [
        "The baby has a cold and a runny nose",
        "The baby is warm",
        "It is cold outside, how do I dress the baby?",
        "The child has caught a cold",
    ],
    "yellow_palms_soles": [
        "The stool is yellow",
        "The baby's eyes are slightly yellow",
        "He has no yellow palms",
        "The urine is yellow",
    ],
    "chest_pain": [
        "He has no chest pain",
        "The chest is clear",
        "The child's chest is fine and he coughs",
        "No pain in the chest",
    ],
    "stroke_signs": [
        "He feels weak after malaria",
        "Her arm hurts after the vaccine",
        "How can I prevent high pressure?",
        "No weakness on one side",
    ],
    "snake_bite": [
        "There is a snake in the house, nobody was hurt",
        "He was not bitten by the snake",
        "We saw a snake near the well",
        "A mosquito bit him",
    ],
    "animal_bite": [
        "He was not bitten by the dog",
        "We have two dogs",
        "The insect bite itches",
        "Mosquito bites all over",
    ],
    "severe_burn": [
        "He burned his finger a little on the pot",
        "It burns when he urinates",
        "She has heartburn",
        "a burning feeling in the stomach",
    ],
    "severe_injury": [
        "He scratched his knee while playing",
        "The child got a shot (vaccine) today",
        "He has a small cut on his finger",
        "His knee hurts when he runs",
    ],
    "self_harm": [
        "The old man died yesterday",
        "She is sad since her mother died",
        "She hurt herself while cooking",
    ],
    "sexual_violence": [
        "They had sex without a condom",
        "She asks about family planning",
        "He has grape juice every day",
        "Nobody forced her",
    ],
    "severe_allergy": [
        "He has an itchy rash on the arm",
        "She is allergic to penicillin",
        "No swelling of the lips",
        "The leg is swollen",
    ],
    "coughing_blood": [
        "He has a cough and high blood pressure",
        "There is no blood in the sputum",
        "He coughs but no blood",
        "Blood test after a long cough",
    ],
    "everyday": [
        "The child has had cough and fever for 3 days",
        "He has diarrhoea since yesterday, drinks well",
        "How much ORS do I give to a child of 2 years?",
        "The baby has a cold and a blocked nose",
        "My child has a mild fever and plays",
        "The woman asks when to come for her second antenatal visit",
        "She is 20 weeks pregnant, when is the next visit?",
        "What is the normal blood pressure?",
        "He takes his blood pressure tablets every day",
        "Where can I get condoms?",
        "Can a breastfeeding mother use the pill?",
        "The child has worms in the stool",
        "The girl has a rash on her arm that itches",
        "He has a small cut, how do I clean it?",
        "His blood pressure is 130 over 80",
        "A man coughs for 3 weeks, should he be tested for TB?",
        "She takes iron tablets and her stool is black",
        "My back hurts after working in the field",
        "The baby sleeps a lot but feeds well",
        "I burned my finger slightly on the stove",
        "The wound is clean and dry",
        "How many antenatal visits are needed?",
        "The mother has sore nipples",
        "She feels sad sometimes since the birth",
        "The child does not like vegetables",
        "The child fell and scratched his knee",
        "Is it safe to give paracetamol to a pregnant woman?",
        "The man has sugar disease and needs a diet",
        "Her period is late by two weeks",
        "He has had a headache since morning",
        "The child had a vaccine shot and now has a sore arm",
        "The pregnant woman has swollen ankles in the evening",
        "She is 36 weeks pregnant and everything is fine",
        "The baby kicks a lot",
        "The child has crusty yellow nose discharge",
        "The mother bathes the baby in cold water",
        "I need help with breastfeeding",
        "Does the bed net protect against malaria",
        "He complains of heartburn after meals",
        "Should I prepare ORS with boiling water?",
        "How long must I boil drinking water?",
        "The mother gives the baby hot porridge, is it good?",
        "His feet are cold at night because the house is cold",
        "When is the rabies vaccine given?",
        "The woman delivered last week and feels well",
        "She gave birth two weeks ago, there is no bleeding",
        "The skin of the palms is dry",
        "He is bitten by mosquitoes every night",
        "The baby is 2 days old and the skin is pink and warm",
        "She wants to know how to prevent pregnancy",
        "She feels tired since she is pregnant",
        "He broke his arm last year and it healed",
        "My daughter was forced to leave school",
        "The child cries when he sees the dog",
        "Blood pressure measured at 30 weeks is normal",
        "The pregnant woman has haemoglobin 11 in the blood",
        "Can a pregnant woman travel by bus?",
        "The boy coughs at night, no blood, no fever",
        "There are snakes in the fields, how can we prevent bites?",
        "How do I treat a small burn at home?",
        "What are the danger signs in pregnancy?",
        "The child has swollen gums",
        "The face of the child is clean",
        "He takes medicine for an old stroke",
        "The wound from the operation is healing well",
        "The mother's breasts are hard and painful",
        "She has pain in the breast when feeding",
        "I have pain in my back and my legs",
        "The baby does not want to sleep at night",
        "The child with malaria has a headache",
        "His arm is weak because he worked a lot",
        "He has lost weight and strength",
        "She has a strong cough",
        "The woman has great pain in the knee",
        "How do I prevent a stroke?",
        "The boy has an itching rash all over",
        "Her lips are dry",
        "The dog sleeps in the house",
        "He drank a lot of water",
        "The baby coughs and vomits milk",
        "The spot on the skin is red",
        "The car did not come, so we walked",
        "My tummy is rumbling",
        "Will paracetamol hurt the baby?",
        "Can this medicine harm my baby?",
        "Can malaria kill my baby?",
        "The mother sees blood in the stool of the child",
        "The child of 8 months is bleeding a little from the gum",
        "Give the crushed tablet with water",
        "When do I cut off the cord?",
        "She had sex with her boyfriend without a condom",
        "What are sexually transmitted infections?",
        "The mother sleeps with her daughter under one net",
        "The urine is very yellow",
        "His breathing is better after the medicine",
        "The water in the well is brown and smells",
        "It is 35 degrees outside and the baby sweats",
        "She is expecting and needs a blood test",
        "The doctor said the baby is in breech position at 28 weeks",
        "They forced my daughter to eat",
        "The child has a rash and fever, it may be measles",
        "Is the injection painful?",
        "She gave birth and has no bleeding",
    ],
}


@pytest.fixture(scope="module")
def english() -> Language:
    return Language.load("en")


def standing(text: str, english: Language) -> set[str]:
    return {sign.rule for sign in danger_signs(normalise(text), english) if not sign.denied}


@pytest.mark.parametrize("rule", SEEN)
def test_a_danger_sign_is_seen_however_it_is_written(rule: str, english: Language) -> None:
    assert [text for text in SEEN[rule] if rule not in standing(text, english)] == []


@pytest.mark.parametrize("rule", UNSEEN)
def test_what_only_looks_like_a_danger_sign_is_none(rule: str, english: Language) -> None:
    assert {text: found for text in UNSEEN[rule] if (found := standing(text, english))} == {}


def test_every_rule_has_a_row_with_its_source_a_sign_and_texts() -> None:
    rows, pack = triage_rows(), load_pack("en")
    assert set(SEEN) <= set(rows)
    for rule in SEEN:
        assert not rows[rule].source.reviewed
        assert pack.text(f"sign.{rule}")
        assert "child" not in pack.text(f"sign.{rule}")
        assert all(pack.text(f"action.{action}") for action in rows[rule].actions)


def test_each_of_them_sends_the_person_somewhere_and_says_nothing_of_a_child() -> None:
    pack = load_pack("en")
    for rule in SEEN:
        texts = " ".join(pack.text(f"action.{action}") for action in triage_rows()[rule].actions)
        assert "Refer to hospital now." in texts or "to the health facility today" in texts
        assert "child" not in texts


def test_a_bite_is_washed_before_anything_else_and_a_snake_bite_never_cut() -> None:
    rows = triage_rows()
    assert rows["animal_bite"].actions[0] == "wash_bite_long"
    assert "no_cutting_no_tying" in rows["snake_bite"].actions
    assert "stay_with_person" in rows["self_harm"].actions
    assert "listen_in_private" in rows["sexual_violence"].actions
