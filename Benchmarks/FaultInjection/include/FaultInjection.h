// Nothing to call: the library is loaded in front of libc with LD_PRELOAD (see faults.c).
