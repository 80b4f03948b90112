"""What a report says of hyper-parameters, and the curves along grids of them."""

import pytest

from bench.records.results import CollectedRuns
from bench.report.sections.parameters import grid_lines
from bench.report.sections.parameters import section as parameters
from tests.report.made_runs import dataset_of, runs_of, table_of, texts_of


def dataset_with(params, *rows):
    """Runs whose variants have these parameters."""
    by_config = {f"config of {variant}": {"random_state": 1, **values} for variant, values in params.items()}
    return dataset_of(*rows, results=CollectedRuns(None, [], [], by_config, {}))


def two_methods():
    params = {
        "kmeans": {"n_init": 20, "tol": 0.0001, "algorithm": None},
        "dec": {"n_init": 20, "hidden_dims": [500, 10], "verbose": False},
    }
    return dataset_with(params, runs_of("kmeans", title="KMeans", acc=0.5), runs_of("dec", title="DEC", acc=0.6))


def test_few_methods_stand_side_by_side_the_best_first():
    assert table_of(parameters, two_methods()) == [
        {"hyper-parameter": "algorithm", "DEC": "–", "KMeans": "None"},
        {"hyper-parameter": "hidden_dims", "DEC": "[500, 10]", "KMeans": "–"},
        {"hyper-parameter": "n_init", "DEC": "20", "KMeans": "20"},
        {"hyper-parameter": "tol", "DEC": "–", "KMeans": "0.0001"},
        {"hyper-parameter": "verbose", "DEC": "False", "KMeans": "–"},
    ]
    assert texts_of(parameters, two_methods()) == ["One configuration of each of 2 methods."]


def test_rows_hold_values_and_no_seed():
    rows = parameters.rows(two_methods()).set_index(["variant", "parameter"])["value"]
    assert rows["kmeans", "tol"] == 0.0001
    assert rows["dec", "hidden_dims"] == [500, 10]
    assert "random_state" not in rows.index.get_level_values("parameter")


def test_configurations_of_a_method_are_named_with_what_differs():
    params = {"dec a": {"tol": 0.1, "n_init": 20}, "dec b": {"tol": 0.2, "n_init": 20}}
    runs = dataset_with(params, *(runs_of(name, title=name.upper()) for name in params))
    assert texts_of(parameters, runs) == ["DEC A and DEC B differ in tol."]


def test_of_a_grid_what_all_configurations_share_is_listed_once():
    params = {f"dec beta={i}": {"beta": float(i), "n_init": 20} for i in range(9)} | {"kmeans": {"n_init": 5}}
    runs = dataset_with(params, *(runs_of(v, acc=0.9 - i / 10, title=v.upper()) for i, v in enumerate(params)))
    assert texts_of(parameters, runs) == ["9 configurations of DEC differ in beta."]
    table = table_of(parameters, runs)
    assert table[0] == {"configuration": "DEC, all configurations", "hyper-parameters": "n_init=20"}
    assert table[2] == {"configuration": "DEC BETA=1", "hyper-parameters": "beta=1"}
    assert table[-1] == {"configuration": "KMEANS", "hyper-parameters": "n_init=5"}
    assert len(parameters.rows(runs)) == 19, "the CSV file has all of each configuration"


def test_a_grid_over_one_parameter_is_a_curve_with_its_counterpart():
    params = {f"sdec beta={beta}": {"beta": beta, "warmup": 0.0} for beta in (0.001, 0.01, 1.0)} | {"dec": {"tol": 1}}
    grid = [runs_of(v, 2, twin="dec", acc=[0.5, 0.51], title=f"SDEC {v.split()[1]}") for v in list(params)[:3]]
    runs = dataset_with(params, *grid, runs_of("dec", 2, acc=[0.4, 0.41]))
    (figure,) = parameters.figures(parameters.rows(runs), runs)
    assert figure.name.startswith("parameter")
    assert figure.title == "ACC of SDEC over beta on digits"
    assert "0.001: .505 ± .007; 0.01: .505 ± .007; 1: .505 ± .007; " in figure.alt
    assert ".405" in figure.alt


def test_without_parameters_there_is_no_section():
    assert parameters.rows(dataset_with({}, runs_of("dec"))).empty


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_values_are_no_curve(n):
    params = {f"dec {i}": {"beta": float(i)} for i in range(n)}
    runs = dataset_with(params, *map(runs_of, params))
    assert parameters.figures(parameters.rows(runs), runs) == []


def test_variants_that_differ_in_two_parameters_are_no_curve():
    values = [{"beta": b, "width": w, "mode": "x", "flag": True} for b, w in ((1, 1), (2, 2), (3, 3))]
    assert grid_lines({str(i): v for i, v in enumerate(values)}) == []
    grid = {f"{b} {w}": {"beta": b, "width": w} for b in (1, 2, 3) for w in (5, 6)}
    lines = grid_lines(grid)
    assert [(parameter, sorted(line.values())) for parameter, line in lines] == [("beta", [1, 2, 3])] * 2
