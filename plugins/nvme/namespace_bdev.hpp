// SPDX-License-Identifier: BSD-3-Clause
// The bdevs of a controller: one for each namespace.
#pragma once

#include <bdevkit/bdevkit.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "controller.hpp"

class NamespaceBdev;

/// [app thread] The bdevs of one controller, and who follows what becomes of it. Lives as long as one of
/// them; the last one shuts the controller down.
class NamespaceBdevs : public std::enable_shared_from_this<NamespaceBdevs> {
public:
    /// @param name  the controller's in the stack
    NamespaceBdevs(const char* name, SharedNvmeController controller);

    /// Makes a bdev of each namespace. @return 0 or a negative errno; then none is left
    int make_all();

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

    std::string name_;
    SharedNvmeController controller_;
    std::map<uint32_t, NamespaceBdev*> bdevs_;
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

    /// [app thread] What the controller says of the namespace now.
    void follow(const NvmeNamespace& now);

private:
    void describe_types(bool aborts);
    void describe_metadata();
    void describe_zones(const NvmeLimits& limits);
    void reset(bdevkit::Io io);
    void start(Channel& ch, bdevkit::Io io);

    std::shared_ptr<NamespaceBdevs> bdevs_;
    NvmeNamespace ns_;
};
