// SPDX-License-Identifier: BSD-3-Clause
#include "support/test_host.hpp"

#include <bdevkit/bdev_module.h>
#include <bdevkit/option.h>
#include <bdevkit/thread.h>
#include <dlfcn.h>
#include <sched.h>

#include <cstring>
#include <deque>
#include <stdexcept>
#include <string_view>

#include "json/json_writer.hpp"
#include "module/module_registry.hpp"
#include "support/await.hpp"

namespace bdk::test {

namespace {

/// A module's options struct, filled as the host fills it.
class OptionsStruct {
public:
    OptionsStruct(const bdk_module* module, const GivenOptions& given)
        : bytes_(module->options_struct_size), strings_(std::make_shared<std::deque<std::string>>()) {
        for (uint32_t i = 0; i < module->option_count; i++) {
            const bdk_option& option = module->options[i];
            if (option.default_value != nullptr) set(option, parse(option, option.default_value));
        }
        for (const GivenOption& one : given)
            set(find(module, one.name), one.value);
    }

    const void* get() const { return bytes_.data(); }

private:
    static const bdk_option& find(const bdk_module* module, const std::string& name) {
        for (uint32_t i = 0; i < module->option_count; i++)
            if (name == module->options[i].name) return module->options[i];
        throw std::invalid_argument(std::string(module->name) + " has no option '" + name + "'");
    }

    static bool is_text(const bdk_option& option) {
        return option.type == BDK_OPTION_STRING || option.type == BDK_OPTION_PATH ||
               option.type == BDK_OPTION_BDEV;
    }

    /// "30s" and the like.
    static uint64_t nanoseconds(const char* text) {
        char* unit = nullptr;
        const uint64_t number = std::strtoull(text, &unit, 0);
        constexpr std::pair<std::string_view, uint64_t> units[] = {
            {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}};
        for (const auto& [name, ns] : units)
            if (name == unit) return number * ns;
        return number;
    }

    static OptionValue parse(const bdk_option& option, const char* text) {
        if (is_text(option)) return std::string(text);
        if (option.type == BDK_OPTION_DURATION) return nanoseconds(text);
        if (option.type == BDK_OPTION_BOOL) return std::strcmp(text, "true") == 0;
        if (option.type != BDK_OPTION_ENUM) return std::strtoull(text, nullptr, 0);
        uint64_t index = 0;
        while (std::strcmp(option.enum_values[index], text) != 0)
            index++;
        return index;
    }

    /// The list's elements, side by side, as their type says.
    template <class T>
    bdk_option_list keep(const std::vector<T>& list) {
        lists_.push_back(std::make_unique<std::byte[]>(list.size() * sizeof(T)));
        std::memcpy(lists_.back().get(), list.data(), list.size() * sizeof(T));
        return {lists_.back().get(), list.size()};
    }

    bdk_option_list list_of(const bdk_option& option, const OptionValue& value) {
        if (option.type == BDK_OPTION_UUID) return keep(std::get<std::vector<bdk_uuid>>(value));
        if (is_text(option)) {
            std::vector<const char*> texts;
            for (const std::string& text : std::get<std::vector<std::string>>(value))
                texts.push_back(strings_->emplace_back(text).c_str());
            return keep(texts);
        }
        const auto& numbers = std::get<std::vector<uint64_t>>(value);
        const bool is_short = option.type == BDK_OPTION_U32 || option.type == BDK_OPTION_ENUM;
        return is_short ? keep(std::vector<uint32_t>(numbers.begin(), numbers.end())) : keep(numbers);
    }

    void set(const bdk_option& option, const OptionValue& value) {
        std::byte* at = bytes_.data() + option.offset;
        if ((option.flags & BDK_OPTION_LIST) != 0) {
            const bdk_option_list list = list_of(option, value);
            return void(std::memcpy(at, &list, sizeof(list)));
        }
        if (is_text(option)) {
            const char* text = strings_->emplace_back(std::get<std::string>(value)).c_str();
            std::memcpy(at, &text, sizeof(text));
        } else if (option.type == BDK_OPTION_BOOL) {
            const auto flag = uint8_t(std::get<bool>(value));
            std::memcpy(at, &flag, sizeof(flag));
        } else if (option.type == BDK_OPTION_U32 || option.type == BDK_OPTION_ENUM) {
            const auto number = uint32_t(std::get<uint64_t>(value));
            std::memcpy(at, &number, sizeof(number));
        } else {
            const auto number = std::get<uint64_t>(value);
            std::memcpy(at, &number, sizeof(number));
        }
    }

    std::vector<std::byte> bytes_;
    std::shared_ptr<std::deque<std::string>> strings_;  // stay where they are
    std::vector<std::unique_ptr<std::byte[]>> lists_;
};

const bdk_module* find_module(const std::string& name) {
    const bdk_module* module = nullptr;
    call_on_app_thread([&] { module = module_find(name); });
    if (module == nullptr) throw std::invalid_argument("no module '" + name + "': load() or add() it first");
    return module;
}

std::vector<uint32_t> usable_cores() {
    cpu_set_t set;
    sched_getaffinity(0, sizeof(set), &set);
    std::vector<uint32_t> cores;
    for (uint32_t core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &set)) cores.push_back(core);
    return cores;
}

}  // namespace

struct TestHost::Loaded {
    std::string module;
    std::unique_ptr<void, int (*)(void*)> handle;
};

RuntimeOptions test_runtime_options() {
    RuntimeOptions options;
    options.env.hugepages = "off";
    options.env.memory = 64ull << 20;
    return options;
}

RuntimeOptions test_runtime_options_with_reactors(size_t count) {
    RuntimeOptions options = test_runtime_options();
    options.reactors.cores = usable_cores();
    if (options.reactors.cores.size() > count) options.reactors.cores.resize(count);
    return options;
}

TestHost::TestHost(const RuntimeOptions& options) : cores_(options.reactors.cores) {
    auto started = Runtime::start(options);
    if (!started) throw std::runtime_error(started.error());
    runtime_ = std::move(*started);
}

TestHost::~TestHost() {
    await_on_app_thread([](Done done) { module_remove_all_bdevs(std::move(done)); });
    while (!modules_.empty())
        unload(modules_.back());
    for (bdk_thread* thread : threads_)
        call_on(thread, [] { bdk_thread_exit(); });
    runtime_.reset();
}

const bdk_module* TestHost::load(const std::string& plugin) {
    const std::string path = plugin.find('/') == std::string::npos
                                 ? std::string(BDEVKIT_PLUGIN_DIR) + "/" + plugin + ".so"
                                 : plugin;
    std::unique_ptr<void, int (*)(void*)> handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), dlclose);
    if (handle == nullptr) throw std::runtime_error(dlerror());
    const auto* list = static_cast<const bdk_plugin*>(dlsym(handle.get(), BDK_PLUGIN_SYMBOL));
    if (list == nullptr) throw std::runtime_error(dlerror());
    const bdk_module* module = list->modules[0];
    const int rc = add(module);
    if (rc != 0) throw std::runtime_error("cannot add module " + plugin + ": " + std::strerror(-rc));
    libraries_.push_back({module->name, std::move(handle)});
    return module;
}

int TestHost::add(const bdk_module* module) {
    const int rc = await_on_app_thread([&](Done done) { module_add(module, std::move(done)); });
    if (rc == 0) modules_.emplace_back(module->name);
    return rc;
}

int TestHost::unload(std::string name) {  // a copy: the caller's may be in the list it is erased from
    const bdk_module* module = find_module(name);
    std::erase(modules_, name);
    const int rc = await_on_app_thread([&](Done done) { module_remove(module, std::move(done)); });
    std::erase_if(libraries_, [&](const Loaded& loaded) { return loaded.module == name; });
    return rc;
}

int TestHost::create(const std::string& module_name, const std::string& bdev, const GivenOptions& given) {
    const bdk_module* module = find_module(module_name);
    const OptionsStruct options(module, given);
    return await_on_app_thread(
        [&](Done done) { module_create_bdev(module, bdev, options.get(), std::move(done)); });
}

int TestHost::reconfigure(const std::string& bdev, const GivenOptions& given) {
    const bdk_module* module = nullptr;
    call_on_app_thread([&] {
        const bdk_bdev* found = bdk_bdev_get_by_name(bdev.c_str());
        if (found != nullptr) module = found->module;
    });
    if (module == nullptr) return -ENODEV;
    const OptionsStruct options(module, given);
    return await_on_app_thread(
        [&](Done done) { module_reconfigure_bdev(bdev, options.get(), std::move(done)); });
}

int TestHost::remove(const std::string& bdev) {
    return await_on_app_thread([&](Done done) { module_remove_bdev(bdev, std::move(done)); });
}

void TestHost::start_remove(const std::string& bdev, std::function<void(int)> done) {
    call_on_app_thread([&] { module_remove_bdev(bdev, std::move(done)); });
}

bool TestHost::exists(const std::string& bdev) {
    bool found = false;
    call_on_app_thread([&] { found = bdk_bdev_get_by_name(bdev.c_str()) != nullptr; });
    return found;
}

nlohmann::ordered_json TestHost::info(const std::string& bdev) {
    bdk_json_writer writer;
    call_on_app_thread([&] { bdk_bdev_dump_info_json(bdk_bdev_get_by_name(bdev.c_str()), &writer); });
    return writer.root();
}

bdk_thread* TestHost::new_thread(const char* name, int reactor) {
    std::vector<uint64_t> mask(16);
    const bool any = reactor < 0 || cores_.empty();
    const uint32_t core = any ? 0 : cores_[size_t(reactor) % cores_.size()];
    mask.at(core / 64) |= uint64_t{1} << (core % 64);
    bdk_thread* thread = bdk_thread_create(name, any ? nullptr : mask.data(), uint32_t(mask.size()));
    if (thread == nullptr) throw std::runtime_error("cannot create a thread");
    threads_.push_back(thread);
    return thread;
}

}  // namespace bdk::test
