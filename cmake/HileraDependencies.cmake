# Everything comes from Debian packages (tools/deps lists them); each becomes an imported target named deps::X.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS context)

pkg_check_modules(MARIADB REQUIRED IMPORTED_TARGET libmariadb)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)

find_path(LIBEV_INCLUDE_DIR ev.h REQUIRED)
find_library(LIBEV_LIBRARY ev REQUIRED)
add_library(deps::libev UNKNOWN IMPORTED)
set_target_properties(deps::libev PROPERTIES
  IMPORTED_LOCATION ${LIBEV_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${LIBEV_INCLUDE_DIR})

add_library(deps::boost_context ALIAS Boost::context)
add_library(deps::mariadb ALIAS PkgConfig::MARIADB)
add_library(deps::sodium ALIAS PkgConfig::SODIUM)
add_library(deps::sqlite ALIAS PkgConfig::SQLITE)
