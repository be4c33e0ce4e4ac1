// SPDX-License-Identifier: BSD-3-Clause
// The module nvme: each namespace of an NVMe controller becomes a bdev NAMEnN, where N is its identifier.
#include <bdevkit/bdevkit.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "controller.hpp"
#include "methods.hpp"
#include "namespace_bdev.hpp"
#include "options.hpp"

namespace {

using namespace nvme;
using bdevkit::Error, bdevkit::format;

constexpr const char* transport_names[] = {"auto", "kernel", "pcie", "tcp", nullptr};

constexpr const char* multipath_names[] = {"active_passive", "active_active", nullptr};

/// Whether it has the form of 0000:00:04.0.
bool is_pci_address(const char* address) {
    unsigned part[4];
    int length = 0;
    return std::sscanf(address, "%4x:%2x:%2x.%1x%n", &part[0], &part[1], &part[2], &part[3], &length) == 4 &&
           address[length] == '\0';
}

Transport transport_of(const Options& given) {
    if (given.transport != Transport::automatic) return given.transport;
    if (given.address[0] == '/') return Transport::kernel;
    return is_pci_address(given.address) ? Transport::pcie : Transport::tcp;
}

SharedController connect(const Options& given) {
    const Transport transport = transport_of(given);
    SharedController controller = transport == Transport::kernel ? kernel::connect(given)
                                  : transport == Transport::pcie ? pcie::connect(given)
                                                                 : tcp::connect(given);
    if (controller->namespaces().empty())
        throw Error(ENODEV, format("'%s' has no active namespace", given.address));
    return controller;
}

/// One creation. A controller may take seconds to start, so a thread of the creation's own waits for it.
class Creation {
public:
    Creation(bdk_create* create, const char* name, const Options& given)
        : create_(create), name_(name), given_(given) {}

    static void start(std::unique_ptr<Creation> creation) {
        Creation* self = creation.get();
        self->thread_ = std::thread([self] { self->run(); });
        creation.release();  // end() destroys it
    }

private:
    void run() noexcept {
        try {
            controller_ = connect(given_);
        } catch (...) {
            error_ = std::current_exception();
        }
        bdevkit::Thread::app().send([this] { end(); });
    }

    void end() {
        const std::unique_ptr<Creation> self(this);
        thread_.join();
        const int rc = bdevkit::detail::guarded(BDK_LOG_COMPONENT, "create", [&] {
            if (error_) std::rethrow_exception(error_);
            const char* transport = transport_names[size_t(transport_of(given_))];
            return std::make_shared<NamespaceBdevs>(name_.c_str(), transport, given_.address,
                                                    std::move(controller_))
                ->make_all();
        });
        bdk_module_create_done(create_, rc);
    }

    bdk_create* create_;
    std::string name_;
    const Options& given_;
    std::thread thread_;
    SharedController controller_;
    std::exception_ptr error_;
};

struct Nvme {
    using Options = nvme::Options;
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(transport, "What carries the commands; auto: chosen by the form of the address.")
            .one_of(transport_names),
        BDEVKIT_OPTION(
            address,
            "The controller: /dev/nvme0 in the kernel, 0000:00:04.0 on the PCI bus, or the host of a target.")
            .required(),
        BDEVKIT_OPTION(queue_depth, "pcie, tcp: entries of an I/O queue; the controller may have fewer.")
            .defaults_to("256")
            .min(2)
            .max(65536),
        BDEVKIT_OPTION(timeout, "pcie, tcp: how long a command may take; 0: without limit.")
            .defaults_to("30s"),
        BDEVKIT_OPTION(interrupts, "pcie: completions wake a sleeping reactor by an interrupt.")
            .defaults_to("false"),
        BDEVKIT_OPTION(service, "tcp: the target's port.").defaults_to("4420"),
        BDEVKIT_OPTION(paths, "tcp: further portals of the same subsystem, HOST:PORT."),
        BDEVKIT_OPTION(
            multipath,
            "tcp: active_passive: I/O takes the first of the best paths; active_active: all of them.")
            .one_of(multipath_names)
            .defaults_to("active_passive"),
        BDEVKIT_OPTION(subsystem,
                       "tcp: the NQN of the subsystem; without it the message lists those of the target."),
        BDEVKIT_OPTION(host_nqn, "tcp: this host's NQN; by default made from host_id."),
        BDEVKIT_OPTION(host_id, "tcp: this host's identifier; by default the kernel's boot_id."),
        BDEVKIT_OPTION(dhchap_key_file,
                       "tcp: a file with this host's key (DHHC-1:...), for targets that ask for "
                       "authentication; only its owner may have access."),
        BDEVKIT_OPTION(
            dhchap_ctrl_key_file,
            "tcp: a file with the target's key; a target that does not prove to have it is refused."),
        BDEVKIT_OPTION(header_digest, "tcp: a CRC32C protects headers.").defaults_to("false"),
        BDEVKIT_OPTION(data_digest, "tcp: a CRC32C protects data.").defaults_to("false"),
        BDEVKIT_OPTION(keep_alive,
                       "tcp: after so long without a sign of life the target drops the host; 0: never.")
            .defaults_to("10s"),
        BDEVKIT_OPTION(connect_timeout, "tcp: how long connecting may take in all.").defaults_to("10s"),
        BDEVKIT_OPTION(reconnect_delay, "tcp: the longest delay between two attempts to connect again.")
            .defaults_to("2s"),
        BDEVKIT_OPTION(loss_timeout, "tcp: how long all paths may be away before the bdevs are removed.")
            .defaults_to("60s"),
    };
    static constexpr bdk_method methods[] = {bdevkit::method<ListMethod>(), bdevkit::method<ResetMethod>(),
                                             bdevkit::method<HealthMethod>(),
                                             bdevkit::method<DetachMethod>()};
    using IoContext = nvme::IoContext;

    static int create(bdk_create* create, const char* name, const Options& given) {
        NamespaceBdevs::check_name(name);  // before another controller is touched, which may be in use
        Creation::start(std::make_unique<Creation>(create, name, given));
        return BDK_PENDING;
    }
};

}  // namespace

BDEVKIT_MODULE(Nvme, .name = "nvme", .version = "1.0.0",
               .description = "The namespaces of an NVMe controller", .author = "bdevkit",
               .license = "BSD-3-Clause", .part_suffix = "n1");
