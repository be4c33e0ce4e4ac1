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

namespace nvme {

class NamespaceBdev;

/// [app thread] The bdevs of one controller, and who follows what becomes of it. Lives as long as one of
/// them; the last one shuts the controller down.
class NamespaceBdevs : public std::enable_shared_from_this<NamespaceBdevs> {
public:
    /// @param name       the controller's in the stack
    /// @param transport  and `address`: how it is reached, for list()
    NamespaceBdevs(const char* name, const char* transport, const char* address, SharedController controller);
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

    Controller& controller() noexcept { return *controller_; }
    const Controller& controller() const noexcept { return *controller_; }

    /// From the bdevs themselves. done() runs once the namespace, or with the last one the controller, is
    /// left.
    void add(uint32_t nsid, NamespaceBdev* bdev) { bdevs_[nsid] = bdev; }
    void remove(uint32_t nsid, std::function<void()> done);

private:
    int make(const Namespace& ns);
    void follow(const std::vector<Namespace>& now);
    void unregister_all();
    void leave_all() noexcept;

    static inline std::map<std::string, NamespaceBdevs*> all_;

    std::string name_, transport_, address_;
    SharedController controller_;
    std::map<uint32_t, NamespaceBdev*> bdevs_;
    std::vector<std::function<void()>> detached_;  ///< who waits for the end
};

/// A namespace as a bdev NAMEnN, N its identifier.
class NamespaceBdev : public bdevkit::Bdev<NamespaceBdev> {
public:
    static constexpr const char* product_name = "NVMe namespace";
    using IoContext = nvme::IoContext;

    struct Channel {
        explicit Channel(NamespaceBdev& bdev);
        std::unique_ptr<Queue> queue;
    };

    NamespaceBdev(const char* name, std::shared_ptr<NamespaceBdevs> bdevs, const Namespace& ns);

    void submit(Channel& ch, bdevkit::Io io);
    void dump_info(bdevkit::Json json) const;
    void destruct();

    /// [app thread] What it is, as members of the current object.
    void list(bdevkit::Json json) const;
    /// [app thread] What the controller says of the namespace now.
    void follow(const Namespace& now);

private:
    void describe_types(const Limits& limits);
    void describe_metadata();
    void describe_zones(const Limits& limits);
    void reset(bdevkit::Io io);
    void start(Channel& ch, bdevkit::Io io);

    std::shared_ptr<NamespaceBdevs> bdevs_;
    Namespace ns_;
};

}  // namespace nvme
