# Tests that ThreadSanitizer has nothing to see in: the preset `tsan` neither builds nor runs them. The presets `release`
# and `asan` do.

# No thread at all: texts, tables and bytes are taken apart or put together.
set(BDEVKIT_TESTS_WITHOUT_THREADS
    case_end_test child_process_test nbd_negotiation_test nbd_pace_test nbd_protocol_test elf_look_test file_trust_test
    module_info_test plugin_loader_test search_path_test perf_offsets_test graph_test nearest_test option_value_test
    quantity_test schema_test yaml_test latency_histogram_test text_test range_lock_test token_bucket_test dif_test
    element_test strict_test json_writer_test log_limit_test nvme_bar_guard_test nvme_command_test nvme_fused_test
    nvme_health_test nvme_queue_pair_test nvme_tcp_ana_test uring_blanking_test)

# One reactor does all the work. That a host starts, is called from outside and ends is seen in every other test.
set(BDEVKIT_TESTS_WITH_ONE_REACTOR
    bounce_test emulate_copy_test forward_test io_forms_test limits_model_test memory_wait_test split_test status_test
    waiting_io_test cpp_layer_test crypto_test fua_test hidden_metadata_test malloc_metadata_test metadata_format_test
    nvme_zones_test readonly_test ref_tags_test xor_test)

# Its threads wait for each other after each step: there is memory to lose, and no race to see.
set(BDEVKIT_TESTS_IN_STEPS fault_test)

# bdevkit_is_without_threads(RESULT NAME SOURCES...): whether the preset leaves the test out. A test that has got a thread
# since it was listed stops the configuration.
function(bdevkit_is_without_threads result name)
  set(${result} OFF PARENT_SCOPE)
  if(NOT BDEVKIT_SANITIZE MATCHES thread)
    return()
  endif()
  set(sign "std::(thread|jthread|async)|new_thread|pthread_create")
  if(name IN_LIST BDEVKIT_TESTS_WITHOUT_THREADS)
    string(APPEND sign "|(test_host|host_test)[.]hpp")
  elseif(name IN_LIST BDEVKIT_TESTS_IN_STEPS)
    set(${result} ON PARENT_SCOPE)
    return()
  elseif(NOT name IN_LIST BDEVKIT_TESTS_WITH_ONE_REACTOR)
    return()
  endif()
  foreach(source ${ARGN})
    file(STRINGS ${source} lines REGEX "${sign}")
    if(lines)
      message(FATAL_ERROR "${source} uses threads: take ${name} out of cmake/WithoutThreads.cmake")
    endif()
  endforeach()
  set(${result} ON PARENT_SCOPE)
endfunction()

# Called at the end: each name is that of a test.
function(bdevkit_check_tests_without_threads)
  foreach(name ${BDEVKIT_TESTS_WITHOUT_THREADS} ${BDEVKIT_TESTS_WITH_ONE_REACTOR} ${BDEVKIT_TESTS_IN_STEPS})
    if(NOT TARGET ${name})
      message(FATAL_ERROR "There is no test ${name}: take the name out of cmake/WithoutThreads.cmake")
    endif()
  endforeach()
endfunction()
