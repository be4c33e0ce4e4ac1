# bdevkit_add_test(NAME SOURCES file... [LIBRARIES target...] [PLUGINS target...] [DEFINITIONS name=value...]): a
# GoogleTest program with main, known to ctest. The test loads the PLUGINS, which are built first. Does nothing where
# BDEVKIT_TESTS is off.

# Those that run for many seconds begin first, so that none of them runs alone at the end.
set(BDEVKIT_LONG_TESTS fault_test hot_remove_test limits_model_test model_test nvme_tcp_dhchap_test)
include(WithoutThreads)

function(bdevkit_add_test name)
  if(NOT BDEVKIT_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES;PLUGINS;DEFINITIONS")
  bdevkit_is_without_threads(left_out ${name} ${arg_SOURCES})
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE ${BDEVKIT_LIGHT_OPTIMISATION} -g1)
  target_compile_definitions(${name} PRIVATE ${arg_DEFINITIONS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} GTest::gmock_main GTest::gtest)
  if(arg_PLUGINS)
    add_dependencies(${name} ${arg_PLUGINS})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(left_out)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  if(name IN_LIST BDEVKIT_LONG_TESTS)
    set_tests_properties(${name} PROPERTIES COST 100)
  endif()
endfunction()
