"""Made-up reports that share their wording and differ in their facts, as agencies write them."""

import random
import re

_SLOT = re.compile(r"\{(\w+?)\d*\}")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August",
           "September", "October", "November", "December")  # fmt: skip
_SPELLED = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_TOWNS = ("Ellbrook", "Harrowick", "Dunmow", "Brinfield", "Corrigan", "Almsea", "Esk Bay",
          "Fennimore", "Gorsewell", "Hythe Cross", "Inverloch", "Jarrow Hill", "Kelby", "Lymwater",
          "Marlowe", "Norwick", "Overmere", "Pellworth", "Quenby", "Rushford")  # fmt: skip
_FIRST = ("Anna", "Bela", "Cora", "Daniel", "Edith", "Frank", "Greta", "Hugo", "Ines", "Jonas",
          "Karla", "Louis", "Marta", "Nils", "Odell", "Paula", "Rasmus", "Selma",
          "Tomas")  # fmt: skip
_LAST = ("Abbot", "Brandt", "Castell", "Dorn", "Eckley", "Finch", "Garrow", "Holm", "Ibsen",
         "Jansky", "Keller", "Lindqvist", "Moravec", "Nye", "Ostrow", "Penrose", "Quill", "Reyes",
         "Sandoval", "Tansy", "Ulrich", "Vale", "Winslow", "Yardley", "Zeller")  # fmt: skip
_FIRMS = ("Calder Instruments", "Lumina Sensors", "Tansy Foods", "Northgate Steel", "Orrin Marine",
          "Velta Pharma", "Brightwater Energy", "Kestrel Air", "Moss Brothers", "Pinnacle Glass",
          "Redfern Motors", "Solway Paper")  # fmt: skip

TEMPLATES: dict[str, dict[str, tuple[str, str]]] = {
    "tuning": {
        "weather": (
            "Weather for {town1} on {day1}",
            "The day in {town1} begins with {num1} degrees and fog in the low places. By noon "
            "the thermometer climbs to {num2} degrees, and in the hills it stays at {num3}. The "
            "wind blows from the west with up to {num4} kilometres an hour. The chance of rain "
            "is {num5} per cent in the morning and {num6} per cent in the evening. The sun "
            "rises at {time1} and sets at {time2}. On {day2} it remains changeable with highs "
            "of {num7} degrees, and the pollen count is low throughout the county, the weather "
            "service said.",
        ),
        "results": (
            "County league, matchday {num1}",
            "All the results of matchday {num1} in the county league: {town1} - {town2} "
            "{score1}, {town3} - {town4} {score2}, {town5} - {town6} {score3}, {town7} - "
            "{town8} {score4}. The referee in {town1} was {last1}, who showed {spelled1} yellow "
            "cards. {num2} people watched the match at {town3}. The table is now led by {town5} "
            "with {num3} points, ahead of {town2} with {num4}. The next matchday is played on "
            "{day1}. The association asks clubs to hand in their reports within two days, as "
            "its rules require.",
        ),
        "package": (
            "Union adopts {nth1} package of sanctions",
            "The member states have agreed on the {nth1} package of sanctions, diplomats said "
            "on {day1}. The {nth1} package lists {num1} more ships and {num2} more people, "
            "whose accounts are frozen. Ambassadors had talked about the {nth1} package since "
            "the start of the month. It is to be published in the official journal this week "
            "and enters into force on the following day. Work on measures against those who get "
            "around the rules goes on, the presidency said, and thanked the delegations for "
            "their patience.",
        ),
        "court": (
            "Before the court in {town1}",
            "Cases heard at the district court in {town1} on {day1}: {name1}, {num1}, of "
            "{town2}, for theft, fined {num2}. {name2}, {num3}, of {town3}, for driving without "
            "a licence, fined {num4} and banned for {spelled1} months. {name3}, {num5}, of "
            "{town4}, for damage to property, {spelled2} months suspended. {name4}, {num6}, of "
            "{town5}, for insulting an officer, fined {num7}. The court sits again on {day2} at "
            "nine in the morning, and hearings are open to the public as far as there are "
            "seats.",
        ),
        "earnings": (
            "{firm1} reports quarterly figures",
            "{firm1} said on {day1} that its profit in the {ordinal1} quarter came to {num1} "
            "million, after {num2} million a year before. Sales rose to {num3} million. "
            "Analysts had expected {num4} million on average. Chief executive {name1} confirmed "
            "the outlook for the full year. The shares closed at {money1} on the day before the "
            "figures were published. {firm1} employs {num5} people and has its seat in {town1}. "
            "The complete report will be laid before the annual meeting, which takes place in "
            "{month1}.",
        ),
        "burglary": (
            "Burglars in {town1}",
            "Unknown persons broke into a house in {town1} between {time1} and {time2} on "
            "{day1}. They forced a window at the back and searched all the rooms. According to "
            "first findings they took jewellery and cash worth about {num1}. The damage to the "
            "window comes to {num2}. The police ask witnesses who noticed anything suspicious "
            "near {last1} Street to call {num3}. Officers secured traces at the scene, and the "
            "criminal investigation department in {town2} has taken over the case.",
        ),
    },
    "report": {
        "lottery": (
            "The lottery numbers of {day1}",
            "The following numbers were drawn in the lottery on {day1}: {num1}, {num2}, {num3}, "
            "{num4}, {num5} and {num6}, with {num7} as the extra number. The jackpot stood at "
            "{num8} million. In the additional game the number {num9} was drawn. Nobody had all "
            "the right numbers in the draw before, so that the first class is carried over. All "
            "details are given without guarantee. The next draw takes place on {day2} at the "
            "usual time and will be shown on the channel of the lottery company.",
        ),
        "quake": (
            "Earthquake shakes {town1}",
            "An earthquake of magnitude {score1} struck {num1} kilometres off {town1} at "
            "{time1} on {day1}, the geological service said. Its centre lay at a depth of "
            "{num2} kilometres. There were no immediate reports of damage or injuries, and no "
            "tsunami warning was given. People in {town2} and {town3} felt the tremor. The "
            "service had registered {spelled1} weaker ones in the same region in the course of "
            "the week. The area lies on an active fault, and shocks of this strength are felt "
            "there several times a year.",
        ),
        "closings": (
            "Closing prices of {day1}",
            "The leading index closed at {num1} points on {day1}, after {num2} the day before. "
            "Winner of the day was {firm1} with {money1}, ahead of {firm2} with {money2}. "
            "{firm3} lost most and ended at {money3}. Turnover came to {num3} million shares. "
            "The euro was quoted at {money4} in the evening. A barrel of oil cost {money5}. "
            "Government bonds were little changed. Traders spoke of a quiet session without "
            "great impulses, and looked ahead to the decision of the central bank that is due "
            "next week.",
        ),
        "resolution": (
            "Council passes resolution {num1}",
            "The town council of {town1} passed resolution {num1} by {spelled1} votes to "
            "{spelled2} on {day1}. The motion had been tabled by {name1} and concerns the site "
            "on {last1} Road, for which {num2} is set aside in the budget. Councillor {name2} "
            "spoke against it. The work is to begin in {month1} and to last {spelled3} months. "
            "The mayor thanked all sides for a fair debate. The minutes can be read at the town "
            "hall during opening hours, and objections may be raised in writing within thirty "
            "days.",
        ),
        "obituary": (
            "{name1} dies at {num1}",
            "{name1}, who led the {town1} choir for many years, has died at the age of {num1}. "
            "The family said so on {day1}. Born in {town2}, the former teacher came to {town1} "
            "in {num2} and taught there until {num3}. Under the guidance of {last1} the choir "
            "gave {num4} concerts in {spelled1} countries. The funeral takes place on {day2} at "
            "{time1} in the chapel of {town3}. Instead of flowers the family asks for gifts to "
            "the music school, whose pupils will sing at the service as they did last year.",
        ),
        "crash": (
            "Accident on route {num1} near {town1}",
            "A car and a van collided on route {num1} near {town1} at about {time1} on {day1}. "
            "The {num2}-year-old driver from {town2} was slightly hurt and taken to hospital. "
            "The other driver, {num3}, from {town3}, was not injured. The road was closed for "
            "{spelled1} hours and traffic was led round the scene. The police put the damage at "
            "{num4}. Why the van left its lane is not yet clear, and an expert has been called "
            "in. The fire brigade was there with {num5} people to bind fuel that had run out.",
        ),
    },
}


def fill(template: tuple[str, str], number: int, rng: random.Random) -> tuple[str, str]:
    """Give title and text of the template's report ``number``, with facts drawn anew."""
    values: dict[str, str] = {}

    def value(found: re.Match[str]) -> str:
        slot = found[0][1:-1]
        if slot not in values:
            values[slot] = _draw(found[1], number, rng)
        return values[slot]

    return _SLOT.sub(value, template[0]), _SLOT.sub(value, template[1])


def _draw(kind: str, number: int, rng: random.Random) -> str:
    lists = {
        "day": _DAYS, "month": _MONTHS, "ordinal": _ORDINALS, "spelled": _SPELLED,
        "town": _TOWNS, "last": _LAST, "firm": _FIRMS,
    }  # fmt: skip
    if kind in lists:
        return rng.choice(lists[kind])
    if kind == "name":
        return f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    if kind == "nth":
        return f"{number + 4}th"
    if kind == "time":
        return f"{rng.randrange(24)}:{rng.randrange(60):02}"
    if kind == "score":
        return f"{rng.randrange(8)}.{rng.randrange(8)}"
    if kind == "money":
        return f"{rng.randrange(200)}.{rng.randrange(100):02}"
    return str(rng.randrange(2, 10 ** rng.randrange(1, 5) + 3))
