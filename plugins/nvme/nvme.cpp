// SPDX-License-Identifier: BSD-3-Clause
// nvme: the namespaces of an NVMe controller. Each is a bdev NAMEnN, N the namespace's identifier.
#include <bdevkit/bdevkit.hpp>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "controller.hpp"
#include "namespace_bdev.hpp"
#include "options.hpp"

namespace {

using bdevkit::Error, bdevkit::format;

constexpr const char* transport_names[] = {"auto", "kernel", "pcie", nullptr};

/// Such as 0000:00:04.0.
bool is_pci_address(const char* address) {
    unsigned part[4];
    int length = 0;
    return std::sscanf(address, "%4x:%2x:%2x.%1x%n", &part[0], &part[1], &part[2], &part[3], &length) == 4 &&
           address[length] == '\0';
}

NvmeTransport transport_of(const NvmeOptions& given) {
    if (given.transport != NvmeTransport::automatic) return given.transport;
    if (given.address[0] == '/') return NvmeTransport::kernel;
    if (is_pci_address(given.address)) return NvmeTransport::pcie;
    throw Error(EINVAL,
                format("'%s': expected a device such as /dev/nvme0, or a PCI address such as 0000:00:04.0",
                       given.address));
}

SharedNvmeController connect(const NvmeOptions& given) {
    SharedNvmeController controller =
        transport_of(given) == NvmeTransport::kernel ? connect_kernel(given) : connect_pcie(given);
    if (controller->namespaces().empty())
        throw Error(ENODEV, format("'%s' has no active namespace", given.address));
    return controller;
}

/// One creation under way. Controllers take their time: a thread of its own waits for them.
class Creation {
public:
    Creation(bdk_create* create, const char* name, const NvmeOptions& given)
        : create_(create), name_(name), given_(given) {}

    static void start(std::unique_ptr<Creation> creation) {
        Creation* self = creation.get();
        self->thread_ = std::thread([self] { self->run(); });
        creation.release();  // end() is to come
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
            return std::make_shared<NamespaceBdevs>(name_.c_str(), std::move(controller_))->make_all();
        });
        bdk_module_create_done(create_, rc);
    }

    bdk_create* create_;
    std::string name_;
    const NvmeOptions& given_;
    std::thread thread_;
    SharedNvmeController controller_;
    std::exception_ptr error_;
};

struct Nvme {
    using Options = NvmeOptions;
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(transport, "What carries the commands; auto: as the address looks.")
            .one_of(transport_names),
        BDEVKIT_OPTION(address, "The controller: /dev/nvme0 in the kernel, 0000:00:04.0 on the PCI bus.")
            .required(),
        BDEVKIT_OPTION(queue_depth, "pcie: entries of an I/O queue, at most what the controller has.")
            .defaults_to("256")
            .min(2)
            .max(65536),
        BDEVKIT_OPTION(timeout, "pcie: how long a command may take before it is aborted; 0: any time.")
            .defaults_to("30s"),
    };
    using IoContext = NvmeIoContext;

    static int create(bdk_create* create, const char* name, const Options& given) {
        Creation::start(std::make_unique<Creation>(create, name, given));
        return BDK_PENDING;
    }
};

}  // namespace

BDEVKIT_MODULE(Nvme, .name = "nvme", .version = "1.0.0",
               .description = "The namespaces of an NVMe controller", .author = "bdevkit",
               .license = "BSD-3-Clause");
