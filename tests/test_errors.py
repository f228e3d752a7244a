from __future__ import annotations

import pickle

import pytest

from afya.errors import AfyaError, DataError, MissingDependencyError, require


def test_an_error_says_what_and_what_to_do() -> None:
    error = DataError("cases.csv, row 3: no question.", hint="Add one.")
    assert str(error) == "cases.csv, row 3: no question. Add one."
    assert error.exit_code == 3


def test_an_error_survives_the_way_back_from_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(DataError("what", hint="do")))
    assert isinstance(error, DataError)
    assert (error.message, error.hint) == ("what", "do")


def test_a_missing_library_names_the_extra_to_install() -> None:
    with pytest.raises(MissingDependencyError, match=r"pip install 'afya\[mt\]'"):
        require("no_such_library_here", "mt", "Translating")
    require("json", "mt", "Translating")


def test_every_error_has_its_own_exit_code() -> None:
    codes = [kind.exit_code for kind in AfyaError.__subclasses__()]
    assert len(set(codes)) == len(codes)
    assert not {0, 1} & set(codes)
