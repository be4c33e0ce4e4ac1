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

/// [app thread] The bdevs of one controller. Each bdev holds a reference to this object, and this object
/// knows all its bdevs: it makes and removes them as the controller's namespaces appear and disappear, and
/// removes all when the controller is lost. When the last bdev goes, the controller is shut down.
class NamespaceBdevs : public std::enable_shared_from_this<NamespaceBdevs> {
public:
    /// @param name  the controller's name in the stack
    /// @param transport, address  how it is reached, for list()
    NamespaceBdevs(const char* name, const char* transport, const char* address, SharedController controller);
    ~NamespaceBdevs() { forget_name(); }
    NamespaceBdevs(const NamespaceBdevs&) = delete;
    NamespaceBdevs& operator=(const NamespaceBdevs&) = delete;

    /// The controllers that have bdevs, by name.
    static const std::map<std::string, NamespaceBdevs*>& all() noexcept { return all_; }

    /// Throws bdevkit::Error when a controller has this name.
    static void check_name(const std::string& name);

    /// Makes a bdev of each namespace, or none. @return 0 or a negative errno. Throws bdevkit::Error
    int make_all();
    /// Removes all bdevs; done() runs when the controller has been shut down.
    void detach(std::function<void()> done);
    /// Writes a description, as members of the current object.
    void list(bdevkit::Json json) const;

    Controller& controller() noexcept { return *controller_; }
    const Controller& controller() const noexcept { return *controller_; }

    /// Called by the bdevs. done() runs at once, or for the last bdev when the controller has been shut down.
    void add(uint32_t nsid, NamespaceBdev* bdev) { bdevs_[nsid] = bdev; }
    void remove(uint32_t nsid, std::function<void()> done);

private:
    int make(const Namespace& ns);
    void on_namespaces(const std::vector<Namespace>& now);
    void unregister_all();
    void forget_name() noexcept;

    static inline std::map<std::string, NamespaceBdevs*> all_;

    std::string name_, transport_, address_;
    SharedController controller_;
    std::map<uint32_t, NamespaceBdev*> bdevs_;
    std::vector<std::function<void()>> detached_;  ///< callbacks of detach()
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

    /// [app thread] Writes a description, as members of the current object.
    void list(bdevkit::Json json) const;
    /// [app thread] Takes a new description of the namespace: its size may have changed.
    void on_changed(const Namespace& now);

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
