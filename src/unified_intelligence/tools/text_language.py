"""Which of the two languages of the product a question is written in. Nothing here reads numbers."""

import re
from functools import cache
from typing import Final, Literal

Language = Literal["en", "fr"]

_FOLDED: Final = str.maketrans("àâäáçéèêëíîïñóôöúùûüÿ", "aaaaceeeeiiinooouuuuy")
_LONGEST_SAMPLE: Final = 600  # characters: a longer text shows its language well before

_FRENCH: Final = frozenset(
    """
    le la les des du de un une et est sont ou avec pour sans sur dans par au aux ce cet cette ces ma mon mes
    ta ton tes sa ses nous vous je tu il elle ils elles que qui quoi quel quelle quels quelles quand combien comment
    pourquoi donc mais pas plus moins fois font fait faire faut vaut valent suis sommes etes ont ai avoir etre
    calcule calculer calculez convertis convertir explique expliquer donne donner dis montre definis definition
    definir signifie signifier veut dire difference entre ans annees annee mois semaine semaines jour jours
    demain hier aujourd bonjour salut merci oui taux interet interets compose composes epargne emprunt emprunter
    pret mensualite capital placement placer rapporte rendement prix valeur actuelle actualise tva remise pourboire
    pourcent pourcentage cent mille vingt trente quarante cinquante soixante deux trois quatre cinq sept huit neuf
    dix onze douze livres en euros racine carree puissance seconde apres avant depuis pendant chaque
    annuel annuelle mensuel mensuelle hausse baisse marge seuil rentabilite quotidien selon vers tous toutes peux peut
    """.split()
)
_ENGLISH: Final = frozenset(
    """
    the of and is are was were what which who how when where why much many do does did can could would should will
    an in to for with without from at by this that these those my your our their his her its it we you they i
    not if then than if be been has have had make get give tell show explain define mean means meaning between
    calculate compute convert find year years month months week weeks day days tomorrow yesterday today hello hi
    thanks thank please yes rate loan mortgage payment pay paid monthly yearly annually compounded compound saving
    savings    percent percentage per tip off increase decrease value worth growth invest invested investing borrow earn
    two three four five seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand times plus minus
    divided square root power after before until since each every dollars pounds put call about into what's whats
    tax tips bill raise price yield bond stock cost sales add between square feet
    """.split()
)
# Words that are both (plus, capital, prix, "on"...) weigh nothing: they are kept out of the score, not guessed.
_BOTH: Final = _FRENCH & _ENGLISH


@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"[^\W\d_]+(?:['\u2019](?=\w))?")


def fold(word: str) -> str:
    """The word in lower case, without its accents."""
    return word.lower().translate(_FOLDED)


def _score(word: str) -> int:
    """Above zero for French, below for English."""
    if word[-1] in "'\u2019":
        return 3 if word[:-1] in {"d", "l", "qu", "c", "j", "n", "s", "jusqu", "lorsqu", "puisqu", "aujourd"} else 0
    if word in _BOTH:
        return 0
    return 2 if word in _FRENCH else -2 if word in _ENGLISH else 0


def detect_language(text: str, default: Language = "en") -> Language:
    """French or English by the small words and the accents of the text; `default` when they say nothing."""
    score = 0
    for match in _words().finditer(text, 0, _LONGEST_SAMPLE):
        folded = fold(match.group())
        score += _score(folded)
        if folded != match.group().lower():
            score += 1
    return "fr" if score > 0 else "en" if score < 0 else default
