# src/<module>/*.c -> static library sg_<module>; a module without sources is skipped.
#
# The dependencies here are for linking; tools/layers.py holds the #include rules.
function(sg_library target)
    cmake_parse_arguments(arg "POSIX" "" "SOURCES;DEPENDS" ${ARGN})
    add_library(${target} STATIC ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE sg_flags sg_instrument sg_third_headers)
    if(arg_POSIX)
        target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    endif()
    foreach(dep ${arg_DEPENDS})
        if(TARGET sg_${dep})
            target_link_libraries(${target} PUBLIC sg_${dep})
        endif()
    endforeach()
endfunction()

set(SG_MODULES "")
function(sg_module name)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
    if(NOT sources)
        return()
    endif()
    sg_library(sg_${name} SOURCES ${sources} ${ARGN})
    set(SG_MODULES ${SG_MODULES} ${name} PARENT_SCOPE)
endfunction()

# L0 and L1, lowest first: a module can only name what stands above it here.
sg_module(base)
sg_module(crypto DEPENDS base)
sg_module(wire DEPENDS base)
sg_module(os POSIX DEPENDS base)
# L2: siblings do not know each other.
set(machines hyparview plumtree swim reconcile crdt mls presence discovery)
foreach(name ${machines})
    sg_module(${name} DEPENDS wire crypto base)
endforeach()
# Both ends of a session compute the same indexes from doubles (reconcile/mapping.h).
file(GLOB exact_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/reconcile/*.c)
set(exact_options -ffp-contract=off -fno-math-errno
    $<$<CONFIG:Release>:-ftree-vectorize$<SEMICOLON>-fno-trapping-math>
    $<$<AND:$<CONFIG:Release>,$<C_COMPILER_ID:GNU>>:-fvect-cost-model=dynamic>)
set_source_files_properties(${exact_sources} PROPERTIES COMPILE_OPTIONS "${exact_options}")
# L3
sg_module(node DEPENDS ${machines} wire crypto base)
sg_module(quic DEPENDS os wire crypto base)
sg_module(store DEPENDS os wire crypto base)
# L4
sg_module(runtime POSIX DEPENDS node quic store os wire crypto base)

# The simulator drives node/ and must never reach os, quic, store or runtime.
file(GLOB sim_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/sim/*.c)
if(sim_sources)
    # Its scenarios are built in: made anew when one of them changes.
    file(GLOB scenario_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/scenarios/*.scn)
    set(scenario_data ${CMAKE_BINARY_DIR}/scenario_data.c)
    add_custom_command(OUTPUT ${scenario_data}
        COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/scenarios -DOUT=${scenario_data}
            -P ${CMAKE_SOURCE_DIR}/cmake/SgEmbed.cmake
        DEPENDS ${scenario_files} ${CMAKE_SOURCE_DIR}/cmake/SgEmbed.cmake VERBATIM)
    set_source_files_properties(${scenario_data} PROPERTIES
        INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/sim)
    list(APPEND sim_sources ${scenario_data})
    sg_library(sg_sim SOURCES ${sim_sources} DEPENDS node ${machines} wire crypto base)
endif()
