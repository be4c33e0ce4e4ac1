// SPDX-License-Identifier: BSD-3-Clause
// A small NVMe/TCP target inside the test program, on a port of 127.0.0.1: one subsystem, one namespace in
// memory.
#pragma once

#include <nvme/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "test_authenticator.hpp"
#include "test_pdus.hpp"

namespace nvme::tcp::test {

class TestTarget {
public:
    static constexpr const char* nqn = "nqn.2024-01.io.bdevkit:test";
    static constexpr uint32_t block_size = 512;
    static constexpr uint64_t blocks = 8192;

    /// Sizes, features and faults of the target.
    struct Manners {
        uint32_t max_data = 16384;      ///< bytes in one H2CData
        uint32_t in_capsule = 4096;     ///< bytes
        uint32_t r2t_size = 65536;      ///< bytes that it asks for at a time
        uint32_t data_size = 20000;     ///< bytes in one C2HData
        uint32_t spare_namespaces = 0;  ///< namespaces that the ANA log may contain, beside the real one
        bool success_flag = true;       ///< C2HData carry the status; no response follows
        std::optional<TestAuthentication> authentication;  ///< what it asks hosts for
        bool short_reads = false;                          ///< reads succeed with half of the data
        bool short_logs = false;  ///< log pages have their own length, not that of the buffer
        uint16_t queues = 16;
        bool has_uuid = false;        ///< instead of an NGUID
        bool reports_access = false;  ///< ANA, with one group
        const char* serial = "12345               ";
    };

    struct Disk {
        std::mutex mutex;
        std::vector<std::byte> bytes = std::vector<std::byte>(blocks * block_size);
    };

    TestTarget() : TestTarget(Manners{}) {}
    explicit TestTarget(const Manners& manners) : TestTarget(manners, std::make_shared<Disk>(), 7) {}
    /// Another portal of the same disk.
    explicit TestTarget(const TestTarget& other)
        : TestTarget(other.manners_, other.storage_, uint16_t(other.controller_ + 1)) {}
    ~TestTarget();

    uint16_t port() const { return port_; }
    /// Ends every connection; new ones are refused until start().
    void stop();
    void start();
    /// While it is true, I/O commands are accepted but not answered.
    void hold(bool on) { holds_ = on; }
    /// Waits until `count` commands have been held.
    void wait_until_held(unsigned count) const { wait_for(held_, count); }

    /// While it is true, keep alive is not answered.
    void ignore_keep_alive(bool on) { ignores_keep_alive_ = on; }
    /// While it is true, no I/O queue may connect.
    void refuse_io_queues(bool on) { refuses_io_queues_ = on; }
    /// Replaces the namespace by another one with the same number.
    void replace() { nguid_++; }
    /// Gives this portal another ANA state.
    /// @param tells  whether an event tells the host
    void set_access(uint8_t state, bool tells = true);
    /// Changes the size of the namespace, and tells the host.
    void resize(uint64_t to_blocks);

    std::vector<std::byte>& disk() { return storage_->bytes; }

    /// How many I/O queues have connected.
    unsigned io_queues_connected() const { return io_queues_; }
    void wait_for_io_queues(unsigned count) const { wait_for(io_queues_, count); }
    /// Waits until `more` writes have been carried out.
    void wait_for_writes(unsigned more) const { wait_for(writes_, writes_ + more); }
    unsigned writes() const { return writes_; }
    /// Waits until `count` controllers have been told to shut down.
    void wait_for_shutdowns(unsigned count) const { wait_for(shutdowns_, count); }
    unsigned aborts() const { return aborts_; }

private:
    class Connection;

    static void wait_for(const std::atomic<unsigned>& counter, unsigned count) {
        for (unsigned now; (now = counter) < count;)
            counter.wait(now);
    }
    static void count(std::atomic<unsigned>& counter) {
        counter++;
        counter.notify_all();
    }
    void accept_all(int listener);
    void tell_all(uint32_t event);

    TestTarget(const Manners& manners, std::shared_ptr<Disk> disk, uint16_t controller);

    const uint16_t controller_;
    const Manners manners_;
    const std::shared_ptr<Disk> storage_;
    uint16_t port_ = 0;
    int listener_ = -1;
    std::thread acceptor_;
    std::mutex mutex_;  ///< of connections_
    std::vector<std::unique_ptr<Connection>> connections_;
    std::atomic<uint64_t> blocks_ = blocks;
    std::atomic<uint8_t> nguid_ = 0x5a, access_ = NVME_ANA_STATE_OPTIMIZED;
    std::atomic<bool> holds_ = false, refuses_io_queues_ = false, ignores_keep_alive_ = false;
    std::atomic<unsigned> held_ = 0, writes_ = 0, io_queues_ = 0, shutdowns_ = 0, aborts_ = 0;
};

}  // namespace nvme::tcp::test
