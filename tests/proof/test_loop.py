"""The virtual loop: time that nobody waits for, an order that's always the same, and processes that can be killed."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextvars import copy_context

import pytest

from tests.proof.simulation.loop import Killed, Process, VirtualLoop, current_process


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()  # type: ignore[abstract]  # what asyncio calls abstract is more than anyone uses


async def say(said: list[str], what: str, *, after: float = 0) -> None:
    await asyncio.sleep(after)
    said.append(what)


def test_an_hour_passes_at_once_and_all_is_done_in_the_order_of_its_time(loop: VirtualLoop) -> None:
    said: list[str] = []
    for after in (3600.0, 60.0, 61.0):
        loop.begin(say(said, f"{after:.0f}", after=after))
    loop.run(3599)
    assert (said, loop.time()) == (["60", "61"], 3599)
    loop.run(7200)
    assert (said, loop.time()) == (["60", "61", "3600"], 7200)


def test_who_oversleeps_has_late_timers_and_none_is_lost(loop: VirtualLoop) -> None:
    said: list[str] = []
    loop.begin(say(said, "due", after=10))
    loop.run(1)
    loop.oversleep(500)
    assert (said, loop.next_timer()) == ([], 10)
    loop.run(500)
    assert (said, loop.time()) == (["due"], 500)


def test_a_timeout_is_a_timeout_of_virtual_time(loop: VirtualLoop) -> None:
    async def wait() -> str:
        try:
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        except TimeoutError:
            return f"after {asyncio.get_running_loop().time():.0f}"
        return "never"

    task = loop.begin(wait())
    loop.run(100)
    assert task.result() == "after 30"


def test_what_others_do_in_a_thread_is_done_in_a_step(loop: VirtualLoop) -> None:
    good, bad = loop.begin(asyncio.to_thread(lambda: 7)), loop.begin(asyncio.to_thread(lambda: 1 / 0))
    loop.run(0)
    assert good.result() == 7
    assert isinstance(bad.exception(), ZeroDivisionError)


def test_a_cancelled_timer_is_none(loop: VirtualLoop) -> None:
    said: list[str] = []
    loop.call_later(5, said.append, "a").cancel()
    loop.call_later(6, said.append, "b")
    assert loop.next_timer() == 6
    loop.run(10)
    assert said == ["b"]


def test_faults_of_callbacks_and_of_what_nobody_waits_for_are_kept(loop: VirtualLoop) -> None:
    async def fail() -> None:
        raise ValueError("forgotten")

    loop.call_soon(lambda: 1 / 0)
    loop.begin(fail())
    loop.run(0)
    assert [("ZeroDivisionError" in fault, "forgotten" in fault) for fault in loop.faults] == [
        (True, False),
        (False, True),
    ]


class TestKilled:
    """A process that is killed does nothing any more, and what it has asked of others goes on."""

    @staticmethod
    async def ask(served: list[str], loop: VirtualLoop, said: list[str]) -> None:
        """Ask the world for something, and wait for it."""
        answer: asyncio.Future[None] = loop.create_future()

        async def serve() -> None:
            await say(served, "served", after=10)
            answer.set_result(None)

        loop.begin(serve())
        await answer
        said.append("answered")

    def test_the_world_goes_on_and_its_answer_reaches_nobody(self, loop: VirtualLoop) -> None:
        process, served, said = Process("one"), list[str](), list[str]()
        loop.begin(self.ask(served, loop, said), process)
        loop.run(5)
        loop.kill(process)
        loop.run(20)
        assert (served, said, loop.faults) == (["served"], [], [])

    @pytest.mark.parametrize("steps", [0, 1, 2])
    def test_it_may_die_at_every_await(self, loop: VirtualLoop, steps: int) -> None:
        async def work() -> None:
            for what in ("a", "b", "c"):
                said.append(what)
                await asyncio.sleep(0)

        said: list[str] = []
        process = Process("one", kill_in=steps)
        killed: list[Process] = []
        loop.when_killed = killed.append
        loop.begin(work(), process)
        loop.run(0)
        assert (said, killed) == (["a", "b", "c"][:steps], [process])

    def test_it_may_die_in_the_middle_of_a_callback(self, loop: VirtualLoop) -> None:
        def die() -> None:
            raise Killed

        async def work() -> None:
            loop.call_later(1, die)
            await say(said, "never", after=2)

        said: list[str] = []
        process = Process("one")
        loop.begin(work(), process)
        loop.run(5)
        assert (said, process.is_dead) == ([], True)

    @pytest.mark.parametrize("clean", [asyncio.sleep, lambda _: asyncio.Event().wait()])
    def test_nothing_comes_of_what_it_does_on_its_way_out(
        self, loop: VirtualLoop, clean: Callable[[float], Awaitable[object]]
    ) -> None:
        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                asyncio.get_running_loop().call_soon(said.append, "cleaned")
                await clean(1)
                said.append("cleaned at length")

        async def whole() -> None:
            await asyncio.gather(work(), work())

        said: list[str] = []
        process = Process("one")
        loop.begin(whole(), process)
        loop.run(1)
        loop.kill(process)
        loop.run(100)
        assert (said, loop.faults) == ([], [])

    def test_all_that_it_has_begun_dies_with_it(self, loop: VirtualLoop) -> None:
        async def work() -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(200):
                    group.create_task(say(said, str(number), after=10 + number))

        said: list[str] = []
        process = Process("one")
        loop.begin(work(), process)
        loop.run(12.5)
        loop.kill(process)
        loop.run(1000)
        assert said == ["0", "1", "2"]

    def test_what_it_had_not_begun_yet_is_not_missed(self, loop: VirtualLoop) -> None:
        async def take(work: Awaitable[None]) -> None:
            await work

        process = Process("one", kill_in=1)
        loop.begin(take(say([], "never")), process)
        loop.begin(take(say([], "never")), process)
        loop.run(1)
        assert process.is_dead

    def test_no_signal_reaches_it(self, loop: VirtualLoop) -> None:
        async def listen() -> None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, said.append, "told")
            await asyncio.Event().wait()

        said: list[str] = []
        process = Process("one")
        loop.begin(listen(), process)
        loop.run(1)
        assert loop.signal(signal.SIGTERM)
        loop.run(2)
        loop.kill(process)
        assert not loop.signal(signal.SIGTERM)
        loop.run(3)
        assert said == ["told"]

    def test_one_knows_in_whose_name_one_runs(self, loop: VirtualLoop) -> None:
        async def who() -> Process | None:
            return current_process()

        process = Process("one")
        ours, worlds = loop.begin(who(), process), loop.begin(who())
        loop.run(0)
        assert (ours.result(), worlds.result(), copy_context().run(current_process)) == (process, None, None)
