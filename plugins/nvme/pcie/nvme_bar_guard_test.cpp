// SPDX-License-Identifier: BSD-3-Clause
// Registers of a device that has been taken out, as a file that is truncated under its mapping.
#include "bar_guard.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace {

using namespace nvme::pcie;

constexpr size_t size = 8192;

struct BarGuardTest : testing::Test {
    int fd = memfd_create("bar", 0);
    volatile uint32_t* registers = nullptr;

    BarGuardTest() {
        EXPECT_EQ(ftruncate(fd, size), 0);
        void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        EXPECT_NE(mapped, MAP_FAILED);
        registers = static_cast<volatile uint32_t*>(mapped);
    }
    ~BarGuardTest() override {
        munmap(const_cast<uint32_t*>(registers), size);
        close(fd);
    }
    void take_out() { ASSERT_EQ(ftruncate(fd, 0), 0); }
};

TEST_F(BarGuardTest, WhatIsGoneReadsAsOnesAndTakesWrites) {
    const BarGuard guard(const_cast<uint32_t*>(registers), size);
    registers[1500] = 7;
    EXPECT_EQ(registers[1500], 7u);
    take_out();
    EXPECT_EQ(registers[7], UINT32_MAX);
    registers[1024] = 1;
    EXPECT_EQ(registers[1500], UINT32_MAX);
}

TEST_F(BarGuardTest, ElsewhereASigbusEndsTheProcess) {
    char other[64];
    const BarGuard guard(other, sizeof(other));
    take_out();
    EXPECT_DEATH(static_cast<void>(registers[0]), "");
}

}  // namespace
