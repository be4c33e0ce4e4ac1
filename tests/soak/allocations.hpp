// SPDX-License-Identifier: BSD-3-Clause
// The allocations of the whole program, plugins included: counts live allocations, and makes one fail on
// request. Links operator new, aligned_alloc() and the functions of dma memory in place of the usual ones.
#pragma once

#include <cstdint>

namespace bdk::test {

/// [any thread] Pieces of memory that operator new has given out and that were not given back.
int64_t live_allocations();

/// While it lives, one allocation on a bdk thread fails: the `number`-th from 1. Those of steps that cannot
/// fail (CannotFail) and of tests (TestsOwn) are not counted. One at a time.
class AllocationFault {
public:
    explicit AllocationFault(uint64_t number);
    ~AllocationFault();
    AllocationFault(const AllocationFault&) = delete;
    AllocationFault& operator=(const AllocationFault&) = delete;

    /// [any thread] Whether it has happened.
    static bool has_struck();
};

/// Marks allocations of the calling thread as the test's own.
class TestsOwn {
public:
    TestsOwn();
    ~TestsOwn();
    TestsOwn(const TestsOwn&) = delete;
    TestsOwn& operator=(const TestsOwn&) = delete;
};

}  // namespace bdk::test
