"""Predicts by the ONNX graph of this folder, for mlflow.pyfunc: rows of a table in, predictions and probabilities out."""
import json
from datetime import datetime
from pathlib import Path

import numpy
import onnxruntime
import pandas

# How dates are written that begin with the month or the day; others are patterns of strptime, or ISO 8601.
MONTH_FIRST, DAY_FIRST = "%m/%d/%Y", "%d/%m/%Y"
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
        told = dict(zip([one.name for one in self.session.get_outputs()], self.session.run(None, feed)))
        columns = {"prediction": numpy.asarray(told["prediction"]).reshape(-1)}
        for place, name in enumerate(self.classes):
            columns[f"probability_{name}"] = numpy.asarray(told["probabilities"])[:, place]
        return pandas.DataFrame(columns, index=table.index)

    def tensor(self, column, cells):
        """The cells of a column as the graph takes them: rows by one."""
        kind = column["kind"]
        if kind == "number":
            return numpy.array([self.number(cell) for cell in cells], numpy.float64).reshape(-1, 1)
        if kind == "timestamp":
            times = [self.time(cell, column["format"]) for cell in cells]
            return numpy.array(times, numpy.int64).reshape(-1, 1)
        return numpy.array([self.text(cell) for cell in cells], object).reshape(-1, 1)

    def is_missing(self, cell):
        return pandas.isna(cell) or (isinstance(cell, str) and cell.strip() in self.missing)

    def number(self, cell):
        return numpy.nan if self.is_missing(cell) else float(cell)

    def time(self, cell, style):
        if self.is_missing(cell):
            return MISSING_TIME
        if not isinstance(cell, str) or style is None:
            time = pandas.Timestamp(cell)
        elif style in (MONTH_FIRST, DAY_FIRST):
            time = pandas.to_datetime(cell, dayfirst=style == DAY_FIRST)
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


def _load_pyfunc(path):
    """What mlflow.pyfunc calls."""
    return Model(Path(path))
