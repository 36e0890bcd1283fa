"""Prompts of many tasks, in the form of benchmark prompts: an instruction, then [input]="…" and [output]="…" pairs.

Written for these tests, in the manner of crowd-sourced instructions: long-winded, with rules, examples and odd line ends.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskPrompt:
    """An instruction and its pairs of input and output."""

    name: str
    instruction: str
    pairs: tuple[tuple[str, str], ...]

    @property
    def examples(self) -> str:
        """The pairs as they stand in such prompts."""
        return "".join(f'[input]="{given}"\n[output]="{output}"\n\n' for given, output in self.pairs)


TASK_PROMPTS = (
    TaskPrompt(
        "reviews",
        "In this task, you are given a review of a movie. Your task is to classify the movie review into 2 categories, 1) positive "
        "and 2) negative, based on its content.",
        (
            (
                "I sat through two hours of this so that you need not. The plot is thin; the actors look tired.",
                "negative",
            ),
            ("A warm, funny film with a cast that plainly enjoys itself. I would see it again tomorrow.", "positive"),
            ('"Masterpiece", says the poster. My watch says otherwise.', "negative"),
        ),
    ),
    TaskPrompt(
        "bills",
        "In this task, you are given a summary of a US Congressional or California state bill; your task is to generate a title "
        "for this bill. Titles are under forty words and mention the purpose of the bill.",
        (
            (
                "Clean Harbors Act - Directs the Administrator to make grants to port authorities for (1) shore power, and (2) the "
                "removal of sunken vessels. Authorizes appropriations for five years.",
                "To provide grants to port authorities for shore power and the removal of sunken vessels, and for other purposes.",
            ),
            (
                "Amends the Internal Revenue Code to allow a deduction for the cost of hearing aids.",
                "To amend the Internal Revenue Code of 1986 to allow a deduction for hearing aids.",
            ),
        ),
    ),
    TaskPrompt(
        "entailment",
        "You are given two sentences. Decide whether the second follows from the first (yes), contradicts it (no), or whether this "
        "cannot be told (maybe). Do not use what you know of the world beyond the sentences.",
        (
            ("Sentence 1: All four windows were open. Sentence 2: A window was open.", "yes"),
            ("Sentence 1: Nobody came to the party. Sentence 2: Aunt Ruth danced until midnight at the party.", "no"),
            ("Sentence 1: She bought a bicycle. Sentence 2: She bought a red bicycle.", "maybe"),
        ),
    ),
    TaskPrompt(
        "topic-word",
        "In this task, you need to write a topic word for the given fact. The topic word has at least one word in common with the "
        "fact, and often adds a new word of a related concept. Two or more words work best.",
        (
            ("Fact: frost breaks rocks.", "frost damage."),
            ("Fact: a kettle heats water.", "kettle boiling water."),
            ("Fact: bees carry pollen.", "bees in orchards."),
        ),
    ),
    TaskPrompt(
        "mentioned",
        "The answer is 'yes' if the sentence says the answer to the question in so many words. Otherwise the answer is 'no'. "
        "What is only implied by \"common sense\" counts as 'no'.",
        (
            ("Sentence: The ferry needs forty minutes. \nQuestion: How long does the ferry need?", "Yes."),
            ("Sentence: He slept badly on the ferry. \nQuestion: How long does the ferry need?", "No."),
        ),
    ),
    TaskPrompt(
        "coreference",
        "You will get a sentence with a word in brackets. Write the person or thing that the word stands for, exactly as it is "
        "written in the sentence.",
        (
            ("The cup did not fit into the box because [it] was too wide.", "The cup"),
            ("Martha thanked Ines for the help that [she] had received.", "Martha"),
        ),
    ),
    TaskPrompt(
        "haiku",
        "Given the first two lines of a haiku, write its third line. It must have five syllables and must not rhyme.",
        (
            ("An old wooden bridge\nand under it the river", "carries one more leaf"),
            ("Snow on the mailbox", "no one has written"),
        ),
    ),
    TaskPrompt(
        "odd-one",
        "You are given four words, with commas between them. Three belong together. Write the one that does not, in lower case.",
        (
            ("hammer, saw, pliers, carrot", "carrot"),
            ("Oslo, Rhine, Danube, Loire", "oslo"),
            ("oak, ash, trout, elm", "trout"),
        ),
    ),
    TaskPrompt(
        "recipe-steps",
        "You get the steps of a recipe in a wrong order, each with a letter. Write the letters in the right order, without spaces.",
        (
            ("A: Bake for an hour. B: Heat the oven. C: Mix flour and eggs.", "BCA"),
            ("A: Serve. B: Boil the pasta.", "BA"),
        ),
    ),
    TaskPrompt(
        "polite",
        "Rewrite the request so that it is polite. Keep its meaning, and use no more than fifteen words.",
        (
            ("Close the door.", "Would you please close the door?"),
            ("Give me the report now!", "Could I have the report soon?"),
        ),
    ),
    TaskPrompt(
        "units",
        "A sentence speaks of an amount in imperial units. Write the sentence again with metric units, rounded to whole numbers.",
        (
            ("The field is 100 yards long.", "The field is 91 metres long."),
            ("It weighs 10 pounds.", "It weighs 5 kilograms."),
        ),
    ),
    TaskPrompt(
        "sql",
        "Translate the question about the table employees(name, city, salary) into an SQL query. Write the query on one line.",
        (
            ("Who lives in Lyon?", "SELECT name FROM employees WHERE city = 'Lyon'"),
            ("What is the highest salary?", "SELECT MAX(salary) FROM employees"),
        ),
    ),
    TaskPrompt(
        "riddle",
        "Answer the riddle with a single noun. There may be several right answers; write the most usual one.",
        (("What has hands and cannot clap?", "clock"), ("What gets wetter the more it dries?", "towel")),
    ),
    TaskPrompt(
        "sarcasm",
        "Mark the comment as sarcastic (1) or sincere (0). A comment that only quotes the sarcasm of somebody else is sincere.",
        (("Oh great, another meeting.", "1"), ("Thanks, the meeting helped me.", "0"), ('She wrote "oh great".', "0")),
    ),
    TaskPrompt(
        "headline",
        "You are given the first sentence of a local newspaper's article. Write a headline of at most eight words for it. Use no "
        "full stop at its end.",
        (
            ("The town's last cinema closes on Sunday after ninety years.", "Last cinema closes after ninety years"),
            ("Two goats stopped the traffic on Mill Street for an hour.", "Goats stop traffic on Mill Street"),
        ),
    ),
    TaskPrompt(
        "age",
        "Solve the word problem and write the result as a number, without unit or explanation.",
        (
            ("Tom is twice as old as Ann, who is 7. How old is Tom?", "14"),
            ("A rope of 12 m is cut into 3. How long is one?", "4"),
        ),
    ),
)
