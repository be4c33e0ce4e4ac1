# SPDX-License-Identifier: BSD-3-Clause
"""Random operations on stacks, against a model in a bytearray."""

import bdevkit
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

BLOCK, BLOCKS = 512, 64
DISK = {"name": "disk", "module": "malloc", "size": BLOCK * BLOCKS}
STACKS = {
    "malloc": [{**DISK, "name": "top"}],
    "passthru": [{"name": "top", "module": "passthru", "base": {"name": "middle", "module": "passthru", "base": DISK}}],
    "delay": [{"name": "top", "module": "delay", "base": DISK, "avg_read": "10us", "avg_write": "20us"}],
}
ranges = st.integers(0, BLOCKS - 1).flatmap(lambda at: st.tuples(st.just(at * BLOCK), st.integers(1, BLOCKS - at)))


class Model(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.desc = Model.host.open("top", write=True)
        self.desc.write_zeroes(0, BLOCK * BLOCKS)
        self.data = bytearray(BLOCK * BLOCKS)

    def teardown(self):
        assert self.desc.read(0, len(self.data)) == self.data
        self.desc.close()

    @rule(where=ranges, byte=st.integers(0, 255), fua=st.booleans())
    def write(self, where, byte, fua):
        offset, length = where[0], where[1] * BLOCK
        self.desc.write(offset, bytes([byte]) * length, fua=fua)
        self.data[offset:offset + length] = bytes([byte]) * length

    @rule(where=ranges)
    def read(self, where):
        assert self.desc.read(where[0], where[1] * BLOCK) == self.data[where[0]:where[0] + where[1] * BLOCK]

    @rule(where=ranges, unmap=st.booleans())
    def write_zeroes(self, where, unmap):
        self.desc.write_zeroes(where[0], where[1] * BLOCK, unmap=unmap)
        self.data[where[0]:where[0] + where[1] * BLOCK] = bytes(where[1] * BLOCK)

    @precondition(lambda self: any(self.data))
    @rule(source=ranges, destination=ranges)
    def copy(self, source, destination):
        length = min(source[1], destination[1], abs(source[0] - destination[0]) // BLOCK) * BLOCK
        if length:
            self.desc.copy(destination[0], source[0], length)
            self.data[destination[0]:destination[0] + length] = self.data[source[0]:source[0] + length]


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_does_as_the_model(name):
    with bdevkit.Host({"version": 1, "host": {"memory": "128MiB"}, "bdevs": STACKS[name]}, check=True) as Model.host:
        run_state_machine_as_test(Model, settings=settings(max_examples=20, deadline=None, database=None,
                                                           suppress_health_check=list(HealthCheck)))
