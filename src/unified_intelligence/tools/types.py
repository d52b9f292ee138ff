"""The parameter types of the built-in tools: what an argument means, so that text can be read into it.

A tool function is typed with these; the registry derives its JSON schema from them, the embedded model's decoder
learns which pieces of a question may fill a parameter. At run time a value is a plain float, str or list.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

Kind = Literal["number", "rate", "years", "days", "duration", "numbers", "rates", "date", "unit", "expression", "term"]


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a parameter is read from text: `kind` names the reading, `description` tells a person and a model."""

    kind: Kind
    description: str


Number = Annotated[float, Meaning("number", "a plain number")]
Rate = Annotated[float, Meaning("rate", "a fraction such as 0.05, or text with a percent sign such as '5%'")]
Years = Annotated[float, Meaning("years", "a number of years, or text with a unit such as '18 months'")]
Days = Annotated[float, Meaning("days", "a number of days, or text with a unit such as '2 weeks'")]
Duration = Annotated[str, Meaning("duration", "a calendar duration such as '45 days' or '3 months'")]
Numbers = Annotated[list[float], Meaning("numbers", "a list of numbers")]
Rates = Annotated[list[float], Meaning("rates", "a list of fractions, or of texts with a percent sign")]
Date = Annotated[str, Meaning("date", "an ISO date such as '2024-03-12', or 'today'")]
Unit = Annotated[str, Meaning("unit", "a unit of measure such as 'km'")]
Expression = Annotated[str, Meaning("expression", "an arithmetic expression such as '12 * (3 + 4)'")]
Term = Annotated[str, Meaning("term", "a term to look up")]
