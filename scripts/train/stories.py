"""A story grammar: short, simple English stories whose text belongs to nobody else.

A story has a child, an animal with a name, one thing, one colour and one place. It is an opening,
one of nine plots and an ending; each is one template with nested choices, `[a|b|c]`, and `{slots}`.
A child's name is never an animal's and no kind of word has two roles, so what the next word must be
can be found by looking back for the one word of its kind: small models learn to do that in minutes.

The same templates make the text and check it: `faults` says what in a text is not a story.
"""

import math
import random
import re

GIRLS = ["Mia", "Lily", "Anna", "Rosa"]
BOYS = ["Tom", "Ben", "Max", "Leo"]
SHE_PETS = ["Dot", "Luna", "Poppy"]
HE_PETS = ["Pip", "Bo", "Rusty"]
WORDS = {
    "x": GIRLS + BOYS,
    "y": SHE_PETS + HE_PETS,
    "kind": ["fox", "bear", "rabbit", "mouse", "duck", "frog", "cat", "dog"],
    "colour": ["red", "blue", "green", "yellow", "white", "brown"],
    "toy": ["ball", "kite", "boat", "drum", "doll", "hat", "book", "bell"],
    "food": ["cake", "pie", "bread", "soup"],
    "place": ["park", "farm", "beach", "river", "lake", "pond"],
    "spot": ["under a tree", "behind a rock", "in the grass", "by the water", "by the path"],
    "goal": ["big tree", "old barn", "little house"],
}
# What a name decides; "Xhe" begins a sentence.
FORMS = {
    "child": ("girl", "boy"),
    "xhe": ("she", "he"), "Xhe": ("She", "He"), "xher": ("her", "his"), "xhim": ("her", "him"),
    "yhe": ("she", "he"), "Yhe": ("She", "He"), "yhim": ("her", "him"),
}
OPENING = (
    "[[Once upon a time|Long ago|In a small village] there was a [little|small|kind|happy] {child} named {x}. "
    "One [day|morning], {xhe} went to the {place}.|"
    "One day, a [little|small|kind|happy] {child} named {x} went to the {place}.]")
MET = "a [little|small|young|kind] {kind} named {y}"
PLOTS = {
    "lost":
        "{Xhe} had a {colour} {toy} and [loved it very much|played with it all day]. "
        "[But soon|Then] the {toy} was gone! {x} looked {spot}, but the {toy} was not there. "
        "{Xhe} [was very sad|sat down and cried]. Then " + MET + " came [by|along]. "
        "\"Why are you sad?\" asked {y}. \"I lost my {colour} {toy},\" said {x}. "
        "\"[I will help you|We will find it],\" said {y}. "
        "{y} looked {spot2}, and there was the {colour} {toy}! "
        "\"Thank you, {y}!\" said {x}[ and hugged {yhim}|].",
    "share":
        "{Xhe} had some {food} for lunch and sat down {spot} to eat it. Then " + MET + " came [by|along]. "
        "\"I am [so|very] hungry,\" said {y}. \"May I have some of your {food}?\" "
        "\"[Yes|Of course]!\" said {x}, and {xhe} gave half of the {food} to {y}. "
        "They ate it together. "
        "\"You are [so|very] kind,\" said {y}, and {yhe} gave a {colour} {toy} to {x}. "
        "{x} [smiled|was very happy].",
    "rain":
        "There {xhe} met " + MET + ". They played with a {colour} {toy}. "
        "But soon it began to rain. \"We will get wet!\" said {y}. "
        "{x} and {y} took the {toy} and ran to the old barn. They [sang songs|told stories] there. "
        "At last the rain stopped and the sun came out. "
        "\"Now we can play again,\" said {x}, and they played with the {colour} {toy}.",
    "rescue":
        "There {xhe} heard a [small|sad] cry. It was " + MET + ", stuck in [the mud|a deep hole]! "
        "\"Please help me,\" said {y}. \"Do not be afraid,\" said {x}. \"I will help you.\" "
        "{x} ran home and came back with a long rope. {Xhe} [pulled|helped] {y} out, and {y} was free. "
        "\"Thank you, {x}!\" said {y}. {Yhe} gave a {colour} {toy} to {x}.",
    "gift":
        "There {xhe} met {xher} friend, " + MET + ". \"Today is my birthday,\" said {y}. "
        "{x} had no gift, so {xhe} ran home and made a {colour} {toy}. "
        "\"Happy birthday, {y}!\" said {x}. {y} saw the {colour} {toy} and [smiled|jumped with joy]. "
        "\"[It is the best gift of all|What a nice {toy}]!\" said {y}.",
    "borrow":
        "{Xhe} had a {colour} {toy}. There {xhe} met " + MET + ". "
        "\"May I play with your {toy}?\" asked {y}. \"[Yes|Of course]!\" said {x}. "
        "{y} took the {colour} {toy} and played with it all day. "
        "Then {yhe} gave it back. \"Thank you, {x}!\" said {y}. \"It is a [very nice|nice] {toy}.\"",
    "noise":
        "There {xhe} heard a [small|loud] sound. {x} was [very|so] afraid. \"Who is there?\" asked {x}. "
        "The sound came again, and {x} looked {spot}. It was " + MET + "! "
        "\"It is only me,\" said {y}. They [both laughed|laughed and laughed]. "
        "\"Come and play with me,\" said {x}, and they played with a {colour} {toy}.",
    "race":
        "There {xhe} met " + MET + ". \"I am faster than you,\" said {x}. \"Let us run to the {goal}!\" "
        "{x} ran [very fast|fast] and was soon far away. Then {xhe} stopped to sleep {spot}. "
        "But {y} did not stop. When {x} came to the {goal}, {y} was there first. "
        "\"You won, {y}!\" said {x}, and {xhe} gave {yhim} a {colour} {toy}.",
    "seed":
        "{Xhe} found a little seed {spot}. {x} put the seed in the ground and gave it water every day. "
        "[Soon|Then] " + MET + " came [by|along]. \"What are you doing?\" asked {y}. "
        "\"This seed will be a flower,\" said {x}. Many days went by. "
        "Then, one morning, {x} and {y} saw a [big|tall] {colour} flower! \"You were right, {x}!\" said {y}.",
}
ENDING = (
    "[From that day on, {x} and {y} were [good|best] friends.|"
    "Then {x} and {y} went home, tired but happy.|"
    "{x} and {y} [played|laughed|sang] together until the sun went down.]")

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


def template(plot):
    return f"{OPENING} {PLOTS[plot]} {ENDING}"


def forms(x, y):
    """The words that the names of the child and the animal decide."""
    return {slot: words[(x if slot[0] in "xXc" else y) in BOYS + HE_PETS] for slot, words in FORMS.items()}


def tell(rng):
    """One story on one line."""
    text = template(rng.choice(sorted(PLOTS)))
    while match := _CHOICE.search(text):  # innermost choices first
        text = text[: match.start()] + rng.choice(match.group(1).split("|")) + text[match.end():]
    slots = {slot: rng.choice(words) for slot, words in WORDS.items() if f"{{{slot}}}" in text}
    if "{spot2}" in text:
        slots["spot2"] = rng.choice([spot for spot in WORDS["spot"] if spot != slots["spot"]])
    slots.update(forms(slots["x"], slots["y"]))
    return text.format(**slots)


def corpus(seed, count):
    """`count` stories, the same for the same seed on every machine."""
    rng = random.Random(seed)
    return [tell(rng) for _ in range(count)]


def entropy():
    """Nats a story: what is left to guess in its text for a reader who knows the grammar."""
    total = 0.0
    for plot in PLOTS:
        text = template(plot)
        slots = set(_SLOT.findall(text))
        total += sum(math.log(len(words)) for slot, words in WORDS.items() if slot in slots)
        total += math.log(len(WORDS["spot"]) - 1) if "spot2" in slots else 0.0
        while match := _CHOICE.search(text):  # <n>: a choice of n nats
            options = match.group(1).split("|")
            nats = math.log(len(options)) + sum(map(_marked, options)) / len(options)
            text = f"{text[: match.start()]}<{nats}>{text[match.end():]}"
        total += _marked(text)
    return math.log(len(PLOTS)) + total / len(PLOTS)


def _marked(text):
    return sum(map(float, re.findall(r"<([^>]*)>", text)))


def _pattern(plot):
    """A regular expression with a group `slot__n` for the n-th use of a slot."""
    uses = iter(range(10_000))

    def group(match):
        slot = match.group(1)
        words = FORMS.get(slot) or WORDS[slot.removesuffix("2")]
        return f"(?P<{slot}__{next(uses)}>{'|'.join(words)})"

    text = re.sub(r"[.?]", lambda m: "\\" + m.group(), template(plot))
    text = _SLOT.sub(group, text.replace("[", "(?:").replace("]", ")"))
    return re.compile(text)


PATTERNS = {plot: _pattern(plot) for plot in PLOTS}
LEXICON = set(re.findall(r"[A-Za-z]+", _SLOT.sub(" ", " ".join(map(template, PLOTS))))) | {
    part for words in [*WORDS.values(), *FORMS.values()] for word in words for part in word.split()}


def faults(text):
    """What keeps `text` from being one whole story: an empty list for every text of `tell`."""
    found = [f"word {w}" for w in re.findall(r"[A-Za-z]+", text) if w not in LEXICON]
    for slot, words in WORDS.items():
        if " " not in words[0] and len(seen := set(words) & set(re.findall(r"[A-Za-z]+", text))) > 1:
            found.append(f"{slot} {' '.join(sorted(seen))}")
    for pattern in PATTERNS.values():
        if match := pattern.fullmatch(text):
            slots = {}
            for use, word in match.groupdict().items():
                if word is not None:
                    slots.setdefault(use.split("__")[0], set()).add(word)
            expected = forms(*slots["x"], *slots["y"]) if len(slots["x"]) == len(slots["y"]) == 1 else {}
            found += [f"{s} {' '.join(sorted(w))}" for s, w in slots.items()
                      if len(w) > 1 or expected.get(s, *w) not in w]
            return list(dict.fromkeys(found))
    return list(dict.fromkeys(found)) + ["no plot"]
