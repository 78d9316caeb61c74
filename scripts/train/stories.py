"""A story grammar: short, simple English stories whose text belongs to nobody else.

A story is told by one of nine plots over a small cast, a few things and a few places. Plots keep a
state (who holds the thing, where it lies, who is asked), so the right next word depends on words
far back: pronouns, colours, owners and places are always consistent. Sentences are templates with
nested choices, `[a|b|c]`, expanded recursively, and `{slots}` filled from the state.
"""

import random
import re
from dataclasses import dataclass

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
MIN_WORDS, MAX_WORDS = 60, 125


@dataclass(frozen=True)
class Character:
    """A name with its pronouns; `desc` is the noun phrase that introduces it."""

    name: str
    desc: str
    female: bool

    def __str__(self):
        return self.name

    @property
    def he(self):
        return "she" if self.female else "he"

    @property
    def He(self):
        return self.he.capitalize()

    @property
    def His(self):
        return self.his.capitalize()

    @property
    def him(self):
        return "her" if self.female else "him"

    @property
    def his(self):
        return "her" if self.female else "his"


GIRLS = ["Mia", "Lily", "Anna", "Rosa", "Nora", "Ella"]
BOYS = ["Tom", "Ben", "Max", "Leo", "Sam", "Finn"]
PETS = [("Pip", False), ("Dot", True), ("Bo", False), ("Luna", True), ("Rusty", False),
        ("Poppy", True)]
SPECIES = ["fox", "bear", "rabbit", "mouse", "duck", "frog", "owl", "cat", "dog", "goat"]
COLOURS = ["red", "blue", "green", "yellow", "white", "brown"]
TOYS = ["ball", "kite", "boat", "drum", "doll", "hat", "book", "bell", "top", "cup"]
FOODS = ["cake", "pie", "bread", "apple", "pear", "soup"]
SPOTS = {
    "park": ["under the bench", "behind the big tree", "in the tall grass", "by the gate"],
    "garden": ["under the roses", "behind the wall", "in the tall grass", "by the well"],
    "forest": ["under the leaves", "behind the big tree", "in a hole", "by the stones"],
    "beach": ["under the sand", "behind the rocks", "in the old boat", "by the water"],
    "farm": ["under the cart", "behind the barn", "in the hay", "by the fence"],
    "river": ["under the bridge", "behind the rocks", "in the mud", "by the water"],
    "hill": ["under the bushes", "behind the rocks", "in the tall grass", "by the path"],
}
PREPOSITION = {"park": "in", "garden": "in", "forest": "in", "beach": "on", "farm": "on",
               "river": "by", "hill": "on"}
HELP = "[Do not worry|Do not be sad|Do not cry]. [I will help you|We will find it|I can help]"


class Teller:
    """Expands templates with one random generator and one set of slots."""

    def __init__(self, rng):
        self.rng = rng
        self.slots = {}
        self.sentences = []
        names = [(n, True) for n in GIRLS] + [(n, False) for n in BOYS]
        cast = []
        for name, female in rng.sample(names, 3):
            noun = "girl" if female else "boy"
            cast.append(Character(name, self.pick(f"a [little|kind|small|happy] {noun}"), female))
        for (name, female), kind in zip(rng.sample(PETS, 3), rng.sample(SPECIES, 3)):
            cast.append(Character(name, self.pick(f"a [little|small|young|kind] {kind}"), female))
        rng.shuffle(cast)
        places = rng.sample(sorted(SPOTS), 2)
        spots = rng.sample(SPOTS[places[0]], 3)
        self.slots.update(
            x=cast[0], y=cast[1], z=cast[2], c=rng.choice(COLOURS), toy=rng.choice(TOYS),
            food=rng.choice(FOODS), p=places[0], q=places[1], s1=spots[0], s2=spots[1],
            s3=spots[2], inp=f"{PREPOSITION[places[0]]} the {places[0]}")

    def pick(self, template):
        """Replace innermost choices until none is left."""
        while True:
            match = _CHOICE.search(template)
            if match is None:
                return template
            choice = self.rng.choice(match.group(1).split("|"))
            template = template[: match.start()] + choice + template[match.end():]

    def say(self, template):
        self.sentences.append(self.pick(template).format(**self.slots))

    def maybe(self, template, chance=0.5):
        if self.rng.random() < chance:
            self.say(template)

    def coin(self):
        return self.rng.random() < 0.5

    def open(self):
        self.say("[Once upon a time there|Long ago there|There once] was {x.desc} named {x}.")
        self.maybe("{x.He} lived [in a [small|little|warm] house|with {x.his} mother] near the {q}.", 0.2)

    def meet(self, who="y"):
        """Introduce a second character, always with the description its name carries."""
        self.say("[Then|Soon|Just then], {%s.desc} named {%s} came [by|along|to the {p}]." % (who, who))

    def close(self, plot):
        """A last sentence that fits the plot: night has no sun left, rain already ended at home."""
        endings = ["From that day on, {x} and {y} were [best|good] friends."]
        if plot is not night:
            endings.append("{x} and {y} [played|laughed|sang] together until the sun went down.")
            endings.append("That night, {x} [slept well|went to bed with a smile].")
        if plot not in (night, rain):
            endings.append("Then {x} and {y} went home, tired but happy.")
        if plot is night:
            endings.append("Then {x} went back to bed and slept well.")
        self.say(self.rng.choice(endings))


def lost(t):
    t.say("{x.He} had a {c} {toy} and [loved it very much|took it everywhere].")
    t.say("[One|On a] [sunny|warm|windy] [morning|day], {x} took the {toy} to the {p}.")
    t.maybe("{x.He} [ran and jumped|played and sang|danced and laughed] all [day|morning].", 0.3)
    t.say("[But when it was time to go home|Then {x} looked around, and], the {toy} was gone!")
    t.say("{x} looked {s1}, but the {toy} was not there.")
    t.maybe("{x.He} looked {s2}, but it was not there [either|too].", 0.4)
    t.say("{x} [was very sad|sat down and cried|began to cry].")
    t.meet()
    t.say('"Why are you [sad|crying]?" asked {y}. "I lost my {c} {toy}," said {x}.')
    t.say('"' + HELP + '," said {y}.')
    t.say("{y} looked {s3}, and there was the {c} {toy}!")
    t.say("{x} [hugged {y}|jumped with joy] and said, \"Thank you, {y}!\"")


def share(t):
    t.slots["a"] = {"apple": "an", "bread": "some", "soup": "some"}.get(t.slots["food"], "a")
    t.say("{x} had {a} {food} [for lunch|from {x.his} mother] and [sat down|stopped] {inp} to eat it.")
    t.meet()
    t.say('"I am [so|very] hungry," said {y}. "[May|Can] I have some of your {food}?"')
    if t.coin():
        t.say('"[Yes, of course|Of course you can]," said {x}, and {x.he} gave half of the {food} to {y}.')
        t.say("[They ate together|They sat in the sun and ate], and {y} [was not hungry any more|felt much better].")
        t.say('"You are [so kind|a good friend]," said {y}. "[Here is|Please take] my {c} {toy}."')
        t.say("{x} [took|held] the {c} {toy} and [smiled|was very happy].")
    else:
        t.say('"No," said {x}. "This {food} is mine." {y} [was sad and|said nothing and] walked away.')
        t.say("But then {x} [felt bad|was sorry] and [did not want to eat alone|could not eat].")
        t.say("{x.He} ran to the {q} and found {y} {qspot}.")
        t.say('"I am sorry," said {x}. "[Let us eat|We can eat] the {food} together."')
        t.say("{y} [smiled|was happy], and they [shared|ate] the {food} [in the sun|side by side].")
    t.maybe("{x} learned that it is good to share.", 0.6)


def rain(t):
    t.slots["plan"] = t.pick("[pick berries|look for flowers|fly a kite|have a picnic|play ball]")
    t.slots["roof"] = t.pick("[under a big tree|in an old barn|under the bridge|in a little cave]")
    t.say("{x} had a friend, {y.desc} named {y}.")
    t.say("[One day|One morning], they [went|walked] to the {p} to {plan}.")
    t.say("[Soon|But then] the sky [was dark|turned gray], and [it began to rain|the rain came down].")
    t.say('"[Oh no|Look]! [We will get wet|I am cold and wet]," said {%s}.' % t.rng.choice("xy"))
    t.say("{y} saw a dry place {roof}. {x} and {y} ran [there|as fast as they could].")
    t.say("They sat {roof} and [told stories|sang songs|listened to the rain] [for a long time|until it stopped].")
    t.say("At last the rain stopped and the sun came out.")
    t.maybe("There was a big rainbow over the {p}, red and yellow and green and blue.")
    t.say('"Now we can {plan}," said {x}, and [so they did|they did just that].')
    t.maybe("When they came home, {x.his} mother gave them [warm milk|hot soup|bread and milk].")


def rescue(t):
    t.slots["baby"] = t.pick("[bird|kitten|puppy|lamb|turtle]")
    t.slots["fur"] = t.pick("[brown|white|gray|black]")
    tool, where = t.rng.choice([("rope", "in a deep hole"), ("ladder", "high up in a tree"),
                                ("stick", "in the mud"), ("basket", "in the cold water")])
    t.slots.update(tool=tool, where=where)
    t.say("One day, {x} was walking [to the {p}|{inp}] when {x.he} heard a [small|soft|sad] [cry|sound].")
    t.say("It was a little {fur} {baby}, stuck {where}!")
    t.say('"[Please do not be afraid|Wait here], little {baby}," said {x}. "I will [help you|get help]."')
    if t.coin():
        t.say("{x} ran home to get a {tool}, but it was [too big for {x.him}|very heavy].")
        t.say("{x.He} asked {x.his} friend {y}, {y.desc}, to help {x.him} [carry it|with the {tool}].")
    else:
        t.say("{x} ran to {x.his} friend {y}, {y.desc} who had a {tool}.")
        t.say('"[May|Can] I have your {tool}?" asked {x}. "[Yes|Of course]," said {y}, "I will come with you."')
    t.say("[Together they|They] took the {tool} to the {p} and [got|pulled|helped] the {baby} out.")
    t.say("The little {baby} was [safe|free] and [very happy|not afraid any more].")
    t.maybe("{x} gave the {baby} some [milk|water|bread], and it [fell asleep|ate it all].")
    t.maybe('"We did it!" said {y}.')


def gift(t):
    thing, parts = t.rng.choice([
        ("cake", ["eggs", "milk", "sugar"]), ("kite", ["paper", "sticks", "string"]),
        ("hat", ["wool", "ribbon", "buttons"]), ("boat", ["wood", "paint", "cloth"])])
    t.rng.shuffle(parts)
    t.slots.update(gift=thing, m1=parts[0], m2=parts[1], m3=parts[2])
    t.say("{x} had a friend, {y.desc} named {y}. [Today|Tomorrow] was {y.his} birthday.")
    t.say('"I will make a {c} {gift} for {y}," [said|thought] {x}.')
    t.say("{x.He} had some {m1}, but {x.he} needed {m2} and {m3}.")
    t.say("[So {x} went to the market|So {x.he} walked to the market] and [bought|found] the {m2}.")
    t.say("[On the way home|Then], {x} met {z}, {z.desc} who had some {m3}.")
    t.say('"[May|Can] I have your {m3}?" asked {x}. "It is for {y}." {z} [smiled and gave it|gave it] to {x.him}.')
    t.say("[In the evening|At last], the {c} {gift} was [ready|done].")
    t.say('"[Happy birthday|This is for you], {y}!" said {x}. {y} [saw the {c} {gift} and jumped with joy|smiled].')
    t.maybe('"[What a nice {gift}|It is the best {gift} of all]," said {y}.', 0.3)


def chain(t):
    t.say("{x} had a {c} {toy}. {x.His} friend {y} was {y.desc}.")
    t.say('"[May|Can] I have your {toy}?" asked {y}. {x} [smiled and|] gave it to {y.him}.')
    t.say("{y} took the {toy} to the {p}[ and played with it|].")
    t.say("There {y.he} met {z}, {z.desc}. {y} gave {z} the {toy}, and {z} took it to the {q}.")
    t.say('[In the evening|The next day], {x} asked, "{y}, where is my {toy}?"')
    t.say('"I gave it to {z}," said {y}. "{z} took it to the {q}."')
    t.say("So {x} and {y} [went|walked|ran] to the {q}. There was {z} with the {c} {toy}!")
    t.say('"[Here is your {toy}|I am sorry], {x}," said {z}, and gave it back.')
    t.maybe("Then {x}, {y} and {z} [all played together|played with it together].", 0.3)


def night(t):
    beast, sound = t.rng.choice([("cat", "a soft cry"), ("owl", "a strange song"),
                                 ("mouse", "a small sound"), ("dog", "a loud noise")])
    t.slots.update(beast=beast, sound=sound)
    t.slots["spot"] = t.pick("[under the bed|behind the door|by the window|in the kitchen]")
    t.say("[One night|One dark night], {x} was in bed when {x.he} heard {sound}.")
    t.say("{x} was [afraid|very afraid]. \"[Is it a monster|Who is there]?\" {x.he} [asked|thought].")
    t.say("The sound came [again|once more]. It came from a place {spot}.")
    if t.coin():
        t.say("{x} called {x.his} friend {y}, {y.desc}. {y} [came with|had] a {c} lamp.")
        t.say('"[Come with me|Let us look]," said {y}. "[I am not afraid|You do not have to be afraid]."')
    else:
        t.say("{x} took {x.his} {c} lamp and woke {x.his} friend {y}, {y.desc}.")
        t.say('"[Please come with me|Did you hear that]?" said {x}. {y} [took {x.his} hand|got up at once].')
    t.say("They looked {spot}, and in the light of the {c} lamp they saw a little {beast}!")
    t.say('"It is only a {beast}," said {%s}, and they [both laughed|laughed and laughed].' % t.rng.choice("xy"))
    t.say("They gave the {beast} some [milk|bread|water], and [then it fell asleep|it was happy].")
    t.maybe("{x} was not afraid of the [dark|night] any more.")


def race(t):
    t.slots["stop"] = t.pick("[sleep under a tree|eat some berries|play with a frog|swim in the water]")
    t.say("{x} was very fast, but {x.his} friend {y}, {y.desc}, was slow.")
    t.say('"I am [the best|faster than you]," said {x}. "Let us run to the {p}!" {y} said, "[Yes|All right]."')
    t.say("{x} ran [fast|very fast] and was soon far away. {y} [walked slowly|went step by step].")
    t.say('"I have time," [thought|said] {x}, and {x.he} stopped to {stop}.')
    t.say("But {y} did not stop. {y.He} [went on and on|walked and walked] and [did not look back|did not rest].")
    t.say("When {x} came to the {p}, {y} was [already there|there first], {s1}.")
    t.say('"You won, {y}!" said {x}. "I am sorry that I [laughed|was so proud]."')
    t.say('"[Let us run|We can walk] home together," said {y}.')
    t.maybe("{y} got a {c} {toy} as a prize.", 0.3)


def seed(t):
    plant, ending = t.rng.choice([("flower", "and it smelled very sweet"),
                                  ("pumpkin", "and it was as big as a chair"),
                                  ("tree", "and it was full of birds"),
                                  ("bean", "and it was as high as the house")])
    t.slots.update(plant=plant, ending=ending)
    t.say("One [spring|sunny] day, {x} found a [small|little] {c} seed {inp}.")
    t.say("{x.He} put the {c} seed in the ground {gspot}.")
    t.say("{x} gave it water [every day|every morning] and [waited and waited|sang to it].")
    t.say('"What are you doing?" [asked|said] {y}, {y.desc} who lived [near {x}|next door].')
    t.say('"[Wait and see|You will see]," said {x}. "[My|This] seed will be a {plant}."')
    t.say("Many days went by, but {x} [was not sad|did not give up].")
    t.say("Then, [one morning|after the rain], {x} looked {gspot} and saw a [little|tiny] green leaf!")
    t.say("In the summer it was a [big|tall] {plant}, {ending}.")
    t.say('"[I was wrong|You were right], {x}!" said {y}.')


PLOTS = [lost, share, rain, rescue, gift, chain, night, race, seed]


def tell(rng):
    """One story on one line, 60 to 125 words. A plot is drawn once, so that no plot is rarer."""
    plot = rng.choice(PLOTS)
    while True:
        teller = Teller(rng)
        slots = teller.slots
        slots["qspot"] = rng.choice(SPOTS[slots["q"]])
        slots["gspot"] = teller.pick("[by the gate|behind the house|under the window|near the well]")
        teller.open()
        plot(teller)
        teller.close(plot)
        text = " ".join(teller.sentences)
        if MIN_WORDS <= len(text.split()) <= MAX_WORDS:
            return text


def corpus(seed, count):
    """`count` stories, the same for the same seed on every machine."""
    rng = random.Random(seed)
    return [tell(rng) for _ in range(count)]
