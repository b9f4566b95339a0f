# The product: libsaorsa-gossip.a, libsaorsa-gossip.so, headers, pkg-config file, and `saorsa`.
set(product_objects "")
foreach(name ${SG_MODULES} sim)
    if(TARGET sg_${name})
        list(APPEND product_objects $<TARGET_OBJECTS:sg_${name}>)
    endif()
endforeach()

if(product_objects)
    add_library(saorsa_static STATIC ${product_objects})
    set_target_properties(saorsa_static PROPERTIES OUTPUT_NAME saorsa-gossip LINKER_LANGUAGE C)
    target_include_directories(saorsa_static INTERFACE ${CMAKE_SOURCE_DIR}/include)
    target_link_libraries(saorsa_static INTERFACE sg_third_static)

    # Relative, so that the installed tree can be moved.
    file(RELATIVE_PATH SG_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    configure_file(${CMAKE_SOURCE_DIR}/cmake/saorsa-gossip.pc.in saorsa-gossip.pc @ONLY)
    install(TARGETS saorsa_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    # The archives that our static library needs and the system has not.
    install(FILES ${SG_PRIVATE_ARCHIVES} DESTINATION ${CMAKE_INSTALL_LIBDIR}/saorsa-gossip)
    install(FILES ${CMAKE_BINARY_DIR}/saorsa-gossip.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/saorsa DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
endif()

if(product_objects AND SG_SHARED)
    add_library(saorsa_shared SHARED ${product_objects})
    set_target_properties(saorsa_shared PROPERTIES OUTPUT_NAME saorsa-gossip LINKER_LANGUAGE C
        VERSION ${PROJECT_VERSION} SOVERSION 0)
    target_include_directories(saorsa_shared INTERFACE ${CMAKE_SOURCE_DIR}/include)
    target_link_libraries(saorsa_shared PRIVATE sg_flags sg_instrument sg_third_shared)
    # Nobody shall meet our copy of OpenSSL through this library.
    target_link_options(saorsa_shared PRIVATE -Wl,--exclude-libs,ALL)
    install(TARGETS saorsa_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

# NAME SOURCES...: a program of ours on the static library.
function(sg_program name)
    add_executable(${name} ${ARGN})
    target_link_libraries(${name} PRIVATE sg_flags sg_instrument saorsa_static)
endfunction()

file(GLOB app_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/app/*.c)
list(REMOVE_ITEM app_sources ${CMAKE_SOURCE_DIR}/app/main.c)
if(app_sources AND product_objects)
    # All but main(), so that tests/unit/app and fuzz_control can link it.
    add_library(sg_app STATIC ${app_sources})
    target_include_directories(sg_app PUBLIC ${CMAKE_SOURCE_DIR}/app)
    target_compile_definitions(sg_app PRIVATE _GNU_SOURCE)
    target_link_libraries(sg_app PRIVATE sg_flags sg_instrument)
    target_link_libraries(sg_app PUBLIC saorsa_static ${jansson_static} m)
    sg_program(saorsa ${CMAKE_SOURCE_DIR}/app/main.c)
    target_compile_definitions(saorsa PRIVATE _GNU_SOURCE)
    target_link_libraries(saorsa PRIVATE sg_app)
    install(TARGETS saorsa RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

file(GLOB example_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/*.c)
foreach(source ${example_sources})
    get_filename_component(name ${source} NAME_WE)
    if(product_objects)
        sg_program(example_${name} ${source})
    endif()
endforeach()
