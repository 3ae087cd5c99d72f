from videoreid.utils.processes import process_count, process_rank


def test_alone_without_a_process_group():  # two processes: tests/engine/test_processes.py
    assert (process_rank(), process_count()) == (0, 1)
