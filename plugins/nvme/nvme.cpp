// SPDX-License-Identifier: BSD-3-Clause
// nvme: the namespaces of an NVMe controller. Each is a bdev NAMEnN, N the namespace's identifier.
#include <bdevkit/bdevkit.hpp>

#include <exception>
#include <memory>
#include <string>
#include <thread>

#include "controller.hpp"
#include "namespace_bdev.hpp"
#include "options.hpp"

namespace {

using bdevkit::Error, bdevkit::format;

constexpr const char* transport_names[] = {"auto", "kernel", nullptr};

SharedNvmeController connect(const NvmeOptions& given) {
    return connect_kernel(given);
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
            return make_bdevs();
        });
        bdk_module_create_done(create_, rc);
    }

    int make_bdevs() {
        if (!controller_->namespaces().empty())
            return std::make_shared<NamespaceBdevs>(name_.c_str(), controller_)->make_all();
        controller_->shut_down([controller = controller_] {});
        throw Error(ENODEV, format("'%s' has no active namespace", given_.address));
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
        BDEVKIT_OPTION(address, "The controller: its device in the kernel, such as /dev/nvme0.").required(),
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
