"""Predicts by the ONNX graph of this folder, for mlflow.pyfunc: rows of a table in, predictions and probabilities out."""
import json
import re
from datetime import datetime
from pathlib import Path

import numpy
import onnxruntime
import pandas

# How dates are written that begin with the month or the day; others are patterns of strptime, or ISO 8601 and its relatives.
MONTH_FIRST, DAY_FIRST = "%m/%d/%Y", "%d/%m/%Y"
TWO_NUMBERS_AND_YEAR = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)(.*)", re.DOTALL)
YEAR_FIRST_OR_A_MONTH_IN_LETTERS = re.compile(r"\d{4}[-/.]|\d{8}(?!\d)|(?=.*[A-Za-z]{3})")
# What stands between thousands, by the format of a column, and what is a fraction's comma.
GROUPS = {"space": re.compile("[ \u00a0\u2009\u202f]"), "apostrophe": re.compile("['\u2019]"), "comma": re.compile(",")}
A_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
# Rows that the graph gets at once; of texts it holds what every known term weighs for each, and as many characters of each as the longest has.
ROWS, ROWS_OF_TEXTS = 10_000, 100
# How the graph is told that a time is not known.
MISSING_TIME = numpy.iinfo(numpy.int64).min
ONE_MICROSECOND = pandas.Timedelta(1, "us")
EPOCH = pandas.Timestamp(0, tz="UTC")


class Model:
    def __init__(self, folder):
        about = json.loads((folder / "columns.json").read_text())
        self.columns = about["columns"]
        self.missing = {*about["missing"], ""}
        self.classes = about["classes"]
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        # Columns that the model came to do without are no inputs of the graph.
        self.inputs = {one.name for one in self.session.get_inputs()}
        has_texts = any(column["kind"] == "text" and column["name"] in self.inputs for column in self.columns)
        self.rows_at_once = ROWS_OF_TEXTS if has_texts else ROWS

    def predict(self, data, params=None):
        """One row for each row of `data`, a DataFrame or what makes one."""
        table = pandas.DataFrame(data)
        absent = [column["name"] for column in self.columns if column["name"] not in table.columns]
        if absent:
            raise ValueError(f"columns are missing: {', '.join(absent)}")
        feed = {
            column["name"]: self.tensor(column, table[column["name"]])
            for column in self.columns
            if column["name"] in self.inputs
        }
        names = [one.name for one in self.session.get_outputs()]
        parts = [
            self.session.run(None, {name: cells[first:first + self.rows_at_once] for name, cells in feed.items()})
            for first in range(0, max(len(table), 1), self.rows_at_once)
        ]
        told = {name: numpy.concatenate(part) for name, part in zip(names, zip(*parts))}
        if "prediction" not in told:
            # Of quantiles each is an output, called as its column.
            return pandas.DataFrame({name: values.reshape(-1) for name, values in told.items()}, index=table.index)
        columns = {"prediction": told["prediction"].reshape(-1)}
        for place, name in enumerate(self.classes):
            columns[f"probability_{name}"] = told["probabilities"][:, place]
        return pandas.DataFrame(columns, index=table.index)

    def tensor(self, column, cells):
        """The cells of a column as the graph takes them: rows by one."""
        kind = column["kind"]
        if kind == "number":
            numbers = [self.number(cell, column["format"] or "") for cell in cells]
            return numpy.array(numbers, numpy.float64).reshape(-1, 1)
        if kind == "timestamp":
            times = [self.time(cell, column["format"]) for cell in cells]
            return numpy.array(times, numpy.int64).reshape(-1, 1)
        return numpy.array([self.text(cell) for cell in cells], object).reshape(-1, 1)

    def is_missing(self, cell):
        return pandas.isna(cell) or (isinstance(cell, str) and cell.strip() in self.missing)

    def number(self, cell, style):
        """A number, or a text as people of the column's style write it: `1,234.5`, `1.234,5`, `1 234`, `1'234`."""
        if self.is_missing(cell):
            return numpy.nan
        if not isinstance(cell, str):
            number = float(cell)
        else:
            text = cell.strip()
            for name in ("space", "apostrophe"):
                if style.startswith(name):
                    text = without(GROUPS[name], text)
            if "decimal comma" in style and "," in text:
                text = text.translate(str.maketrans(",.", ".,"))
            text = without(GROUPS["comma"], text)
            if not A_NUMBER.fullmatch(text):
                raise ValueError(f"'{cell}' is not a number")
            number = float(text)
        if not numpy.isfinite(number):
            raise ValueError(f"'{cell}' is infinite")
        return number

    def time(self, cell, style):
        if self.is_missing(cell):
            return MISSING_TIME
        if isinstance(cell, (int, float, numpy.number)) and not isinstance(cell, bool):
            # The digits of a date, such as 20130814.
            cell = format(cell, ".0f")
        if not isinstance(cell, str):
            time = pandas.Timestamp(cell)
        elif style in (MONTH_FIRST, DAY_FIRST):
            time = two_numbers_and_year(cell.strip(), style)
        elif style is None:
            if not YEAR_FIRST_OR_A_MONTH_IN_LETTERS.match(cell.strip()):
                raise ValueError(f"'{cell}' is not a time")
            time = pandas.Timestamp(cell.strip())
        else:
            time = pandas.Timestamp(datetime.strptime(cell.strip(), style))
        time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
        return (time - EPOCH) // ONE_MICROSECOND

    def text(self, cell):
        if self.is_missing(cell):
            return ""
        if isinstance(cell, (bool, numpy.bool_)):
            return "true" if cell else "false"
        return str(cell).strip()


def without(separator, text):
    """The text without what stands between groups of three digits of its whole part; it stays where that stands elsewhere."""
    whole = re.match(r"[+-]?\d{1,3}(?:" + separator.pattern + r"\d{3})+(?!\d)", text)
    if not whole or separator.search(text[whole.end() :]):
        return text
    return separator.sub("", whole[0]) + text[whole.end() :]


def two_numbers_and_year(text, style):
    """`14/08/2013 10:15` or `8/14/13`; never with day and month exchanged."""
    found = TWO_NUMBERS_AND_YEAR.fullmatch(text)
    if not found:
        raise ValueError(f"'{text}' is not a time")
    first, _, second, year, rest = found.groups()
    if len(year) == 2:
        year = f"{19 if int(year) >= 69 else 20}{year}"
    day, month = (first, second) if style == DAY_FIRST else (second, first)
    return pandas.Timestamp(f"{year}-{int(month):02}-{int(day):02}{rest}")


def _load_pyfunc(path):
    """What mlflow.pyfunc calls."""
    return Model(Path(path))
