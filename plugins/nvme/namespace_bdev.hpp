// SPDX-License-Identifier: BSD-3-Clause
// The bdevs of a controller: one for each namespace.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controller.hpp"

class NamespaceBdev;

/// [app thread] The bdevs of one controller, and who follows what becomes of it. Lives as long as one of
/// them; the last one shuts the controller down.
class NamespaceBdevs : public std::enable_shared_from_this<NamespaceBdevs> {
public:
    /// @param name       the controller's in the stack
    /// @param transport  and `address`: how it is reached, for list()
    NamespaceBdevs(const char* name, const char* transport, const char* address,
                   SharedNvmeController controller);
    ~NamespaceBdevs() { leave_all(); }
    NamespaceBdevs(const NamespaceBdevs&) = delete;
    NamespaceBdevs& operator=(const NamespaceBdevs&) = delete;

    /// Those that have bdevs, by name.
    static const std::map<std::string, NamespaceBdevs*>& all() noexcept { return all_; }

    /// Throws bdevkit::Error where a controller has it already.
    static void check_name(const std::string& name);

    /// Makes a bdev of each namespace. @return 0 or a negative errno; then none is left. Throws
    /// bdevkit::Error
    int make_all();
    /// Removes all bdevs; done() runs when the controller is left.
    void detach(std::function<void()> done);
    /// What it is, as members of the current object.
    void list(bdevkit::Json json) const;

    NvmeController& controller() noexcept { return *controller_; }
    const NvmeController& controller() const noexcept { return *controller_; }

    /// From the bdevs themselves. done() runs once the namespace, or with the last one the controller, is
    /// left.
    void add(uint32_t nsid, NamespaceBdev* bdev) { bdevs_[nsid] = bdev; }
    void remove(uint32_t nsid, std::function<void()> done);

private:
    int make(const NvmeNamespace& ns);
    void follow(const std::vector<NvmeNamespace>& now);
    void unregister_all();
    void leave_all() noexcept;

    static inline std::map<std::string, NamespaceBdevs*> all_;

    std::string name_, transport_, address_;
    SharedNvmeController controller_;
    std::map<uint32_t, NamespaceBdev*> bdevs_;
    std::vector<std::function<void()>> detached_;  ///< who waits for the end
};

/// A namespace as a bdev NAMEnN, N its identifier.
class NamespaceBdev : public bdevkit::Bdev<NamespaceBdev> {
public:
    static constexpr const char* product_name = "NVMe namespace";
    using IoContext = NvmeIoContext;

    struct Channel {
        explicit Channel(NamespaceBdev& bdev);
        std::unique_ptr<NvmeQueue> queue;
    };

    NamespaceBdev(const char* name, std::shared_ptr<NamespaceBdevs> bdevs, const NvmeNamespace& ns);

    void submit(Channel& ch, bdevkit::Io io);
    void dump_info(bdevkit::Json json) const;
    void destruct();

    /// [app thread] What it is, as members of the current object.
    void list(bdevkit::Json json) const;
    /// [app thread] What the controller says of the namespace now.
    void follow(const NvmeNamespace& now);

private:
    void describe_types(const NvmeLimits& limits);
    void describe_metadata();
    void describe_zones(const NvmeLimits& limits);
    void reset(bdevkit::Io io);
    void start(Channel& ch, bdevkit::Io io);

    std::shared_ptr<NamespaceBdevs> bdevs_;
    NvmeNamespace ns_;
};
