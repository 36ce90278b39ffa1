"""extract: choice. The letter that a text settles on, or no letter: a table, and noise."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.answers.choice import NoChoice, choice_in

READ = [
    ("#### B", "B"),
    ("The correct choice is B, not C.", "B"),
    ("The answer is A.\n\nActually, let me reconsider. The answer is D.", "D"),
    ("The answer is B. Wait, I need to check. Yes, the answer is B.", "B"),
    ("Answer: A - Paris", "A"),
    ("A resposta correta é a B.", "B"),
    ("A resposta correta é a letra B.", "B"),
    ("The answer is `B`.", "B"),
    (r"The answer is \(B\).", "B"),
    ("B!", "B"),
    ("B\n\nExplanation: Paris is the capital.", "B"),
    ("B - Paris", "B"),
    ("B because of X", "B"),
    ("答案选B", "B"),
    ("故选B。", "B"),
    ("B", "B"),
    ("b", "B"),
    ("b.", "B"),
    (" (C) ", "C"),
    ("**D**", "D"),
    ("$B$", "B"),
    ("B. Rome", "B"),
    ("B) Rome", "B"),
    ("B, because it rains", "B"),
    ("The answer is (B)", "B"),
    ("The answer is B.", "B"),
    ("The answer is A", "A"),
    ("The answer is A, as it rains.", "A"),
    ("The answer is A because it rains.", "A"),
    ("answer is (a)", "A"),
    ("Answer: c", "C"),
    ("option b", "B"),
    ("The answer's B", "B"),
    ("Answer: c.", "C"),
    ("answer: (d)", "D"),
    ("ANSWER: B", "B"),
    ("Answer:\nB", "B"),
    ("Answer: **B**", "B"),
    ("**Answer:** B", "B"),
    ("**Answer: B**", "B"),
    ("Answer is: B", "B"),
    ("### Answer\n\nB", "B"),
    ("Answer: B) Rome", "B"),
    ("Answer: B\n\nA) is too far north.\nB) fits.\nC) is too far south.", "B"),
    ("Answer: B (not A)", "B"),
    ("Answer: (B), since (A) is wrong", "B"),
    ("The correct answer is option C.", "C"),
    ("The answer to question 3 is B.", "B"),
    ("The best choice here is clear. Answer = D", "D"),
    ('{"answer": "B"}', "B"),
    (r"\boxed{B}", "B"),
    (r"\boxed{\text{B}}", "B"),
    (r"\boxed{\mathrm{(C)}}", "C"),
    (r"So it is \boxed{b}.", "B"),
    (r"\boxed{B. Rome}", "B"),
    ("I choose A.", "A"),
    ("I'd go with option D here.", "D"),
    ("C is correct.", "C"),
    ("C is the right one, A is not.", "C"),
    ("**C**, because A and B are wrong", "C"),
    ("**B) Rome** fits best.", "B"),
    ("A) Paris\n**B) Rome**\nC) Oslo", "B"),
    ("A) Paris\nB) Rome\n\nAnswer: A", "A"),
    ("(B) is right. The best option is a hash map.", "B"),
    ("B. The answer is a bit subtle.", "B"),
    ("The answer is I think B", "B"),
    ("It's not B, it's C", "C"),
    ("not B but C: the answer is C", "C"),
    ("First I thought the answer is A. The answer is D.", "D"),
    ("The answer is A. Wait, actually the answer is B.", "B"),
    ("If the ball were red, the answer is A. The answer is C.", "C"),
    ("The answer is A in one reading. Final answer: B", "B"),
    ("Option A is wrong. Option B is correct.", "B"),
    ("Antwort: B", "B"),
    ("Die richtige Antwort ist B.", "B"),
    ("Réponse : C", "C"),
    ("La bonne réponse est C", "C"),
    ("La respuesta correcta es la C", "C"),
    ("Risposta: A", "A"),
    ("答案是 B", "B"),
    ("正确答案为B。", "B"),
    ("答案：C", "C"),  # noqa: RUF001
    ("答えはB", "B"),
    ("정답은 C", "C"),
    ("\u041e\u0442\u0432\u0435\u0442: B", "B"),
]

NOT_READ = [
    "Probably B, but could be C.",
    "A) Paris B) Rome C) Berlin",
    "A - Paris\nB - Rome",
    "A\nB\nC\nD",
    "The answer is A... no, B.",
    "The answer is A or maybe C",
    "答えはBではありません",
    "정답은 B가 아닙니다",
    "不选B",
    "The answer is C++",
    "The answer is E = mc^2",
    "The answer is D-Day",
    "",
    "A cat sat on a mat",
    "I think it rains",
    "the answer is a bit unclear",
    "Answer: A, B, C, D",
    "Answer: A B C D",
    "Answer: A/B",
    "Answer: A | B",
    "Answer: A; B; C",
    "Answer: A. B. C. D.",
    "Answer: A\nB\nC\nD",
    "A\nB\nC",
    "Answer: B? No, C",
    "Answer: (A) and (C)",
    "Answer: B or C",
    "The answer is a, b or c",
    "The answer is A or B.",
    "Answer: A, B, C or D, take your pick",
    "Answer:\nA) Paris\nB) Rome\nC) Oslo",
    "Answer: A) Paris\nB) Rome\nC) Oslo",
    "Answer: (A) Paris (B) Rome (C) Oslo",
    "A) Paris\nB) Rome\nC) Oslo",
    "(A) (B) (C) (D)",
    "**A** **B**",
    r"\boxed{A} \boxed{B}",
    r"\boxed{A, B}",
    "The answer is A. The answer is B.",
    "Final answer: A\nFinal answer: B",
    "A and B are correct.",
    "I choose A and B",
    "It is B or D",
    "not B",
    "It is not B",
    "The answer is not B",
    "It isn't B",
    "It can't be A or B",
    "It cannot be B",
    "Rule out C",
    "We can eliminate option C",
    "B is wrong",
    "B is incorrect.",
    "(B) is clearly wrong",
    "**B** is not correct",
    "neither A nor B",
    "anything other than B",
    "Take vitamin C",
    "See appendix D",
    "none of the above",
    "f(X) = 3",
]


@pytest.mark.parametrize(("text", "letter"), READ)
def test_a_choice_is_read(text: str, letter: str) -> None:
    assert choice_in(text) == letter


@pytest.mark.parametrize("text", NOT_READ)
def test_a_hedge_or_a_negation_is_no_choice(text: str) -> None:
    with pytest.raises(NoChoice):
        choice_in(text)


def test_a_sure_letter_beside_letters_turned_down_is_never_one_of_those() -> None:
    with pytest.raises(NoChoice):
        choice_in("sure D, it can't be A or B")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from("ABCD"), min_size=2, unique=True), st.sampled_from([", ", "/", " or "])
)
def test_several_letters_are_never_a_choice(letters: list[str], join: str) -> None:
    for lead in ("Answer: ", "The answer is ", "I choose ", r"\boxed{A} or \boxed{B} ", ""):
        with pytest.raises(NoChoice):
            choice_in(lead + join.join(letters))


PIECES = st.sampled_from(
    ["Answer: ", "not ", "A", "B", "(C)", "**", "\n", ", ", " or ", "is ", "答案"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join))
def test_no_text_crashes(text: str) -> None:
    with suppress(NoChoice):
        assert choice_in(text) in set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_a_letter_repeated_without_end_is_read_in_linear_time() -> None:
    assert choice_in("(A) " * 20_000) == "A"  # minutes, when each start reads to the end


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A is correct", "A"),
        ("A is the correct answer because B is false", "A"),
        ("Answer: A (not B)", "A"),
        ("Answer: A (the wind)", "A"),
        ('{"choice": "B", "reason": "x"}', "B"),
        ("B is the only correct option.", "B"),
        ("Die Antwort lautet B.", "B"),
        ("Đáp án đúng là B", "B"),
        ("Answer: B\n\nCorrected answer: C", "C"),
        ("Answer: B\nFinal: C", "C"),
        ("Many students say the answer is B. The answer is C.", "C"),
        ("A tempting answer is C, but the answer is D.", "D"),
        ("The answer is B, not C, since C is too large.", "B"),
    ],
)
def test_a_choice_is_read_among_other_letters(text: str, letter: str) -> None:
    assert choice_in(text) == letter


@pytest.mark.parametrize(
    "text",
    [
        "The answer is A. The answer is also B.",
        "The answer is A. B is also correct.",
        "A is correct. B is correct.",
        "Option A is correct. Option B is also correct.",
        "The answer is A, alternatively B",
        "The answer is A, as well as B",
        "The answer is A - B - C - D",
        "The answer is A (70%), B (30%)",
        "If x > 0 the answer is B, otherwise C.",
        "B, maybe C",
        "B. No wait, C.",
        "B\n\nActually C.",
        "The wrong answer is C.",
        "The least likely answer is C.",
        "I doubt the answer is C",
        "I don't think the answer is C",
        "Most people think the answer is B.",
        "Option C can be ruled out.",
        "Option C is unlikely.",
        "(C) is a distractor.",
        "**C** fails.",
        "Everything but (C)",
        "See figure (B)",
        "Let me start with option A.",
    ],
)
def test_a_letter_that_is_hedged_or_only_named_is_no_choice(text: str) -> None:
    with pytest.raises(NoChoice):
        choice_in(text)
