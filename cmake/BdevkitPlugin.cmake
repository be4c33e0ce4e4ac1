# bdevkit_add_plugin(NAME SOURCES file...): builds NAME.so, a module that uses only the C ABI, in C11 or C++20.
function(bdevkit_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES")
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE bdevkit::bdevkit)
  target_compile_features(${name} PRIVATE c_std_11 cxx_std_20)
  target_compile_definitions(${name} PRIVATE BDK_LOG_COMPONENT="${name}")
  if(NOT BDEVKIT_FUZZ) # clang has its sanitizers' functions in the program alone
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden)
endfunction()
