"""Calls around methods: who is called, in which thread; and the method comes back as it was."""

import threading
from contextlib import ExitStack

from backlit.engine.around import around


class Base:
    def add(self, x, *, more=0):
        return x + more


class Sub(Base):
    pass


def plus(n):
    return lambda original, self, x, **how: original(self, x, **how) + n


def times(n):
    return lambda original, self, x, **how: original(self, x, **how) * n


def test_calls_nest_and_the_method_comes_back():
    plain = Base.__dict__["add"]
    with around(Base, "add", plus(10)):
        assert Sub().add(1, more=2) == 13
        with around(Base, "add", times(2)):
            assert Base().add(1) == 22
        assert Base().add(1) == 11
    assert Base.__dict__["add"] is plain


def test_an_inherited_method_is_taken_away_again():
    with around(Sub, "add", plus(1)):
        assert (Sub().add(1), Base().add(1)) == (2, 1)
    assert "add" not in Sub.__dict__


def test_blocks_end_in_any_order_and_in_errors():
    plain = Base.__dict__["add"]
    first, second = ExitStack(), ExitStack()
    first.enter_context(around(Base, "add", plus(1)))
    second.enter_context(around(Base, "add", times(3)))
    assert Base().add(1) == 6
    first.close()
    assert Base().add(1) == 3
    second.close()
    assert Base.__dict__["add"] is plain
    try:
        with around(Base, "add", plus(1)):
            raise KeyError
    except KeyError:
        pass
    assert Base.__dict__["add"] is plain


def test_other_threads_see_the_method_itself():
    found = []
    with around(Base, "add", plus(100)):
        thread = threading.Thread(target=lambda: found.append(Base().add(1)))
        thread.start()
        thread.join()
        assert Base().add(1) == 101
    assert found == [1]
