# Rules for `cmake --install`, in three components: `runtime` to run stacks, `dev` to write plugins, `python`. No
# installed file contains the prefix, so an installation may be moved.
include(CMakePackageConfigHelpers)

set(plugin_dir ${CMAKE_INSTALL_LIBDIR}/bdevkit/plugins)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bdevkit)

set_target_properties(bdevkit_sdk PROPERTIES EXPORT_NAME bdevkit)
set_target_properties(bdevkit PROPERTIES EXPORT_NAME program)
install(TARGETS bdevkit bdevkit_sdk bdevkit_tls EXPORT bdevkit
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev)
# If only the program was built, missing parts are left out and reported.
install(TARGETS ${BDEVKIT_PLUGINS} LIBRARY DESTINATION ${plugin_dir} COMPONENT runtime OPTIONAL)
set(plugin_files)
foreach(plugin ${BDEVKIT_PLUGINS})
  list(APPEND plugin_files $<TARGET_FILE:${plugin}>)
endforeach()
install(CODE "foreach(file ${plugin_files})
  if(NOT EXISTS \"\${file}\")
    message(STATUS \"Left out, since it has not been built: \${file}\")
  endif()
endforeach()" COMPONENT runtime)
install(FILES scripts/bdevkit.bash-completion DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME bdevkit COMPONENT runtime)
foreach(section 1 5)
  file(GLOB pages CONFIGURE_DEPENDS docs/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT runtime)
endforeach()

set(components runtime dev)
if(BDEVKIT_PYTHON)
  # A separate component: it works only with the library of the same build.
  list(APPEND components python)
  # Completely or not at all: without its extension the package cannot be imported, and would hide a working one.
  set(python_package ${BDEVKIT_PYTHON_DIR}/bdevkit)
  install(TARGETS bdevkit_python LIBRARY DESTINATION ${python_package} COMPONENT python OPTIONAL)
  file(GLOB python_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/python/bdevkit/*.py
       ${PROJECT_SOURCE_DIR}/python/bdevkit/*.pyi ${PROJECT_SOURCE_DIR}/python/bdevkit/py.typed)
  install(CODE "if(EXISTS \"$<TARGET_FILE:bdevkit_python>\")
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${python_package}\" TYPE FILE FILES ${python_sources})
else()
  message(STATUS \"Left out, since it has not been built: the Python package (target bdevkit_python)\")
endif()" COMPONENT python)
endif()

install(DIRECTORY sdk/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
set(template_dir ${CMAKE_INSTALL_DATADIR}/bdevkit/templates)
install(DIRECTORY templates/ DESTINATION ${template_dir} USE_SOURCE_PERMISSIONS COMPONENT dev
        PATTERN .clang-format EXCLUDE PATTERN __pycache__ EXCLUDE)

# The version of the CMake package is that of the ABI, which decides whether a plugin builds and loads.
foreach(number MAJOR MINOR DRAFT)
  file(STRINGS sdk/include/bdevkit/abi.h line REGEX "#define BDK_ABI_${number} ")
  string(REGEX REPLACE ".* " "" abi_${number} "${line}")
endforeach()
set(abi_version ${abi_MAJOR}.${abi_MINOR})

file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(cmake/bdevkit.pc.in bdevkit.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bdevkit.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

install(EXPORT bdevkit NAMESPACE bdevkit:: FILE bdevkitTargets.cmake DESTINATION ${package_dir} COMPONENT dev)
configure_package_config_file(cmake/bdevkitConfig.cmake.in bdevkitConfig.cmake INSTALL_DESTINATION ${package_dir}
                              PATH_VARS plugin_dir template_dir BDEVKIT_PYTHON_DIR)
write_basic_package_version_file(bdevkitConfigVersion.cmake VERSION ${abi_version} COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/bdevkitConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/bdevkitConfigVersion.cmake
              cmake/BdevkitPlugin.cmake DESTINATION ${package_dir} COMPONENT dev)

# `cpack -G DEB` makes the packages bdevkit, bdevkit-dev and python3-bdevkit: see README.md.
string(REPLACE - "~" CPACK_DEBIAN_PACKAGE_VERSION ${BDEVKIT_VERSION}) # Debian sorts 1.0.0~rc1 before 1.0.0
set(CPACK_PACKAGE_CONTACT "the bdevkit developers <bdevkit@localhost>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# libbdevkit.so.1 itself is not on the machine yet.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME bdevkit)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME bdevkit-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "bdevkit (= ${CPACK_DEBIAN_PACKAGE_VERSION}), cookiecutter, cmake (>= 3.25), make, g++")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "libgtest-dev, python3-pytest, libnbd-bin")
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "clang-format, clang-tidy, ccache, ninja-build")
set(CPACK_DEBIAN_PYTHON_PACKAGE_NAME python3-bdevkit)
set(CPACK_DEBIAN_PYTHON_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "bdevkit (= ${CPACK_DEBIAN_PACKAGE_VERSION}), python3 (>= 3.11), python3 (<< 3.12)")
set(CPACK_DEBIAN_PYTHON_PACKAGE_SUGGESTS "python3-pytest")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Runs stacks of user-space block devices and serves them over NBD")
set(CPACK_COMPONENT_DEV_DESCRIPTION "Headers, CMake package and templates to write bdevkit plugins")
set(CPACK_COMPONENT_PYTHON_DESCRIPTION "Runs bdevkit's stacks from Python, and tests them with pytest")
include(CPack)
