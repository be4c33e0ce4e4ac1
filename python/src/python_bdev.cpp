// SPDX-License-Identifier: BSD-3-Clause
#include "python_bdev.hpp"

#include <bdevkit/bdevkit.hpp>

#include <atomic>
#include <cerrno>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "background.hpp"
#include "bdev/model/io_type.hpp"
#include "call_python.hpp"
#include "module_io.hpp"
#include "open_desc.hpp"
#include "python_lock.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::python {

namespace {

/// The module whose bdev is being created on the app thread; the C++ layer asks for it by type.
std::atomic<const bdk_module*> g_module_of_create{nullptr};

/// The objects of the existing bdevs, by their context. Guarded by the GIL.
std::map<const void*, py::handle>& objects() {
    static auto* instance = new std::map<const void*, py::handle>;
    return *instance;
}

/// A Python object that is released with the GIL.
class Object {
public:
    explicit Object(py::object object) : object_(std::move(object)) {}
    ~Object() {
        const PythonLock python;
        if (python)
            object_ = py::object();
        else
            object_.release();  // the interpreter is gone, so references do not matter
    }
    Object(const Object&) = delete;
    Object& operator=(const Object&) = delete;

    const py::object& get() const { return object_; }

private:
    py::object object_;
};

/// Calls the object's `callback(io, ...)`, which ends the I/O, now or later.
template <typename... Args>
void hand_to(const Object& object, const char* callback, const std::shared_ptr<ModuleIo>& io,
             const char* module, Args... args) {
    try {
        call_python(object.get().attr(callback), py::make_tuple(io, args...));
    } catch (py::error_already_set& error) {
        const int rc = log_exception(error, module, callback);
        if (!io->is_ended()) io->complete(rc);
    }
}

/// Hands the I/O to the object's `_submit(io)`, or an abort to its `_abort(io, target)`.
void submit_to(const Object& object, bdk_bdev_io* io, bdk_bdev_desc* base_desc, bdk_io_channel* base_ch) {
    const PythonLock python;
    if (!python) return bdk_bdev_io_complete(io, BDK_BDEV_IO_STATUS_ABORTED);
    const char* module = bdk_bdev_get_module_name(io->bdev);
    const auto handed = std::make_shared<ModuleIo>(io, base_desc, base_ch);
    if (io->type == BDK_BDEV_IO_TYPE_ABORT)
        hand_to(object, "_abort", handed, module, ModuleIo::id_of(io->u.abort.bio_to_abort));
    else
        hand_to(object, "_submit", handed, module);
}

/// Copies the object's attributes to the struct to register.
void take_shape(const py::object& object, bdk_bdev& bdev) {
    bdev.blocklen = object.attr("block_size").cast<uint32_t>();
    bdev.blockcnt = object.attr("num_blocks").cast<uint64_t>();
    bdev.io_type_supported = object.attr("_io_types").cast<uint64_t>();
    if (object.attr("_submit_is_async").cast<bool>() && bdev.io_type_supported != 0)
        bdev.io_type_supported |= BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ABORT);
    if (object.attr("write_cache").cast<bool>())
        bdev.flags |= BDK_BDEV_WRITE_CACHE;
    else
        bdev.flags &= ~uint32_t{BDK_BDEV_WRITE_CACHE};
}

int resize_to(const py::object& object, uint64_t size, const char* module) {
    const PythonLock python;
    if (!python) return -ESHUTDOWN;
    try {
        object.attr("resize")(size);
        return 0;
    } catch (py::error_already_set& error) {
        return log_exception(error, module, "resize");
    }
}

/// The last call of the object.
void tell_end(const void* context, const py::object& object, const char* module) {
    const PythonLock python;
    if (!python) return;
    objects().erase(context);
    try {
        object.attr("_removed")();
    } catch (py::error_already_set& error) {
        log_exception(error, module, "removed");
    }
}

class PythonBdev : public Bdev<PythonBdev> {
public:
    static const bdk_module* module() { return g_module_of_create; }

    PythonBdev(const char* name, const py::object& object) : Bdev(name), object_(object) {
        object.attr("_setup")(py::none());
        take_shape(object, bdev());
        objects()[this] = object;
    }

    bool io_type_supported(IoType type) const {
        return (bdev().io_type_supported & BDK_BDEV_IO_TYPE_BIT(uint32_t(type))) != 0;
    }
    void submit(Channel&, Io io) {
        if (io.type() == IoType::read) return with_buffer<&PythonBdev::submit_with_buffer>(io);
        submit_to(object_, io.get(), nullptr, nullptr);
    }
    void submit_with_buffer(Channel&, Io io) { submit_to(object_, io.get(), nullptr, nullptr); }
    void resize(uint64_t num_blocks) {
        const int rc = resize_to(object_.get(), num_blocks * bdev().blocklen, bdev().module->name);
        if (rc != 0) throw Error(rc, "resize");
        notify_resized(num_blocks);
    }
    void destruct() {
        tell_end(this, object_.get(), bdev().module->name);
        finish_destruct();
    }

private:
    const Object object_;
};

class PythonVirtualBdev : public VirtualBdev<PythonVirtualBdev> {
public:
    static const bdk_module* module() { return g_module_of_create; }

    PythonVirtualBdev(const char* name, const char* base_name, const py::object& object)
        : VirtualBdev(name, base_name),
          object_(object),
          thread_(std::make_shared<IoThread>(bdk_thread_get_app_thread())),
          base_desc_(OpenDesc::adopt(thread_, base().get())) {
        try {
            object.attr("_setup")(base_desc_);
            take_shape(object, bdev());
            mirror_types(object.attr("_submit_is_async").cast<bool>());
            objects()[this] = object;
        } catch (...) {
            drop_base();
            throw;
        }
    }

    bool io_type_supported(IoType type) const {
        return (bdev().io_type_supported & BDK_BDEV_IO_TYPE_BIT(uint32_t(type))) != 0;
    }
    void submit(Channel& ch, Io io) {
        if (io.type() == IoType::read) return with_buffer<&PythonVirtualBdev::submit_with_buffer>(io);
        submit_with_buffer(ch, io);
    }
    void submit_with_buffer(Channel& ch, Io io) { submit_to(object_, io.get(), ch.base_desc, ch.base.get()); }
    /// The object sets its own size; it changes with resized().
    void on_base_resized(uint64_t) {}
    void destruct() {
        tell_end(this, object_.get(), bdev().module->name);
        drop_base();
        VirtualBdev::destruct();
    }

private:
    /// If the object names no types: those of the base except zcopy, which would bypass its submit().
    void mirror_types(bool aborts) {
        uint64_t& types = bdev().io_type_supported;
        if (types != 0) return;
        if (aborts) types |= BDK_BDEV_IO_TYPE_BIT(BDK_BDEV_IO_TYPE_ABORT);
        for (uint32_t type = 1; type < bdk::io_type_count; ++type) {
            if (type != BDK_BDEV_IO_TYPE_ZCOPY && base().io_type_supported(IoType(type)))
                types |= BDK_BDEV_IO_TYPE_BIT(type);
        }
    }

    void drop_base() {
        base_desc_->close_here();
        thread_->detach();
    }

    const Object object_;
    const std::shared_ptr<IoThread> thread_;
    const std::shared_ptr<OpenDesc> base_desc_;
};

/// Tells the core of a bdev's new size.
int resized(const std::string& name, uint64_t num_blocks) {
    int rc = -ENODEV;
    bdk::call_on_app_thread([&] {
        bdk_bdev* bdev = bdk_bdev_get_by_name(name.c_str());
        if (bdev != nullptr) rc = bdk_bdev_notify_blockcnt_change(bdev, num_blocks);
    });
    return rc;
}

}  // namespace

int create_python_bdev(const bdk_module* module, const char* name, const py::object& object) {
    g_module_of_create = module;
    const py::object base = object.attr("_base_name");
    try {
        if (base.is_none()) return PythonBdev::make(name, object);
        return PythonVirtualBdev::make(name, base.cast<std::string>().c_str(), object);
    } catch (const Error& error) {
        bdk_log(BDK_LOG_ERROR, module->name, nullptr, 0, "create: %s", error.what());
        return error.rc();
    }
}

py::handle python_object_of(const bdk_bdev* bdev) {
    return objects().at(bdev->ctxt);
}

int log_exception(py::error_already_set& error, const char* module, const char* callback) {
    const auto described = py::module_::import("bdevkit._module").attr("_describe")(error.value());
    const auto [rc, level, text] = described.cast<std::tuple<int, std::string, std::string>>();
    const uint32_t log_level = level == "error" ? BDK_LOG_ERROR : BDK_LOG_INFO;
    bdk_log(log_level, module, nullptr, 0, "%s: %s", callback, text.c_str());
    return rc;
}

void bind_python_bdev(py::module_& module) {
    bind_module_io(module);
    module.def("resized", [](const std::string& name, uint64_t num_blocks) {
        return in_background([=] { return resized(name, num_blocks); });
    });
}

}  // namespace bdevkit::python
