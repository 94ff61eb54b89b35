#pragma once
#include <cblas-openblas.h>
