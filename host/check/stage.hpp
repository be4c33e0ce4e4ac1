// SPDX-License-Identifier: BSD-3-Clause
// In the process of a case: the host, the plugin under check and the bases that it stands on. Every operation
// here is bounded in time: if it does not end, that is reported and the process ends.
#pragma once

#include <bdevkit/bdev.h>
#include <bdevkit/module.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/check_options.hpp"
#include "check/checking_bdev.hpp"
#include "check/option_settings.hpp"
#include "check/recorder.hpp"
#include "loader/plugin_file.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::host {

/// Properties of a stage's host.
struct StageOptions {
    uint32_t reactors = 1;
    uint32_t bdev_ios = 65536;  ///< for the whole process
};

/// [main thread]
class Stage {
public:
    /// Starts the host and adds the module of bases. Throws Broken.
    /// @param scratch  an empty folder
    Stage(const CheckOptions& options, std::filesystem::path scratch, const StageOptions& stage_options = {});
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    const CheckOptions& options() const { return options_; }
    const ModuleInfo& module() const { return *plugin_->find(options_.module); }
    /// How long one step of a plugin may take.
    std::chrono::milliseconds patience() const { return options_.timeout / 3; }

    /// Opens the plugin. Throws Broken.
    void open();
    /// Opens the plugin if it is not open, adds its module and waits for its init. Throws Broken.
    void load();
    bool is_loaded() const { return loaded_; }
    bool is_open() const { return plugin_.has_value(); }
    /// Runs fini.
    void unload();
    /// After unload(): closes the file.
    void close_file() { plugin_.reset(); }

    /// The bases for the module's required options of type bdev, created at the first call.
    const std::vector<CheckingBdev*>& bases();
    /// Bases created from now on have these sizes, and handle FUA natively or not.
    void set_next_bases(std::vector<uint64_t> sizes, bool take_fua);
    /// Removes the bases and waits until they are gone.
    void drop_bases();
    bool is_virtual() const;
    bool can_create() const { return module().has_create; }

    /// The option values: those that the user gave, made-up values for other required options, then
    /// `changes`.
    std::vector<Setting> settings(const std::vector<Setting>& changes = {});

    /// Creates a bdev and waits for it. @return the result of create
    int create(const std::string& name, const std::vector<Setting>& settings);
    /// create() with the usual settings; throws Broken when that fails. @return the name of the new bdev
    std::string create(const std::string& name = "checked");
    /// Waits for the bdev after a successful create: a module may register it later. Throws Broken. @return
    /// the names of the module's bdevs
    std::vector<std::string> wait_for_bdevs();
    /// True once a create() with the usual settings has succeeded on the present bases.
    bool has_made() const { return has_made_; }
    /// Whether bdevs appeared after their create had ended.
    bool comes_late() const { return comes_late_; }
    /// Calls the module's reconfigure.
    int reconfigure(const std::string& bdev, const std::vector<Setting>& settings);
    /// Removes all bdevs of the module, and waits until they are gone. @return the first error
    int remove_all();
    /// Starts to remove a bdev; done(rc) on the app thread.
    void start_remove(const std::string& bdev, std::function<void(int)> done);

    /// Names of the bdevs of the module, in the order of their registration.
    std::vector<std::string> bdevs();
    /// A bdk_thread on the n-th reactor.
    bdk_thread* new_thread(const std::string& name, size_t reactor);
    /// Waits until no examination is under way.
    void wait_for_examine(const std::string& rule);

    /// Runs fn on the thread and returns when it has run.
    void call_on(bdk_thread* thread, std::function<void()> fn);
    void call(std::function<void()> fn) { call_on(bdk_thread_get_app_thread(), std::move(fn)); }
    /// Runs fn on the app thread and returns what it passes to done. @param rule, what the rule and the
    /// operation to report when that takes too long
    int await(const std::string& rule, const std::string& what, std::function<void(bdk::Done)> fn);
    /// Waits until `condition` is true. @param thread the thread that evaluates it; nullptr: the app thread
    void wait_until(const std::string& rule, const std::string& what, std::function<bool()> condition,
                    bdk_thread* thread = nullptr);
    /// Ends the host. Its reports of leftovers are recorded.
    void end();

private:
    std::vector<std::string> made_up(const bdk_option& option);
    std::string file_for(const std::string& option);

    const CheckOptions& options_;
    const std::filesystem::path scratch_;
    std::unique_ptr<bdk::Runtime> runtime_;
    std::optional<PluginFile> plugin_;
    bool loaded_ = false;
    bool has_made_ = false;
    bool comes_late_ = false;
    bool makes_none_ = false;  ///< create was waited for in vain
    std::vector<uint32_t> cores_;
    std::vector<bdk_thread*> threads_;
    std::vector<std::string> base_names_;
    std::vector<CheckingBdev*> bases_;
    std::vector<uint64_t> next_sizes_;  ///< bytes; further bases have the size that the user gave
    bool next_take_fua_ = false;
};

}  // namespace bdevkit::host
