/* A stand-in for NVIDIA's management library: one GPU, whose memory is held by the living processes of a file.
   STAND_IN_GPU names it; a line is a process and its MiB. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int instance, compute; } process_t;

static unsigned int holders(process_t *found, unsigned int room) {
    unsigned int count = 0, pid;
    unsigned long long mib;
    FILE *file = fopen(getenv("STAND_IN_GPU"), "r");
    if (!file) return 0;
    while (fscanf(file, "%u %llu", &pid, &mib) == 2)
        if (!kill((int)pid, 0)) {
            if (count < room) found[count] = (process_t){pid, mib << 20, ~0u, ~0u};
            count++;
        }
    fclose(file);
    return count;
}

int nvmlInitWithFlags(unsigned int flags) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned int room) { strncpy(text, "600.0", room); return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 1; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) { *device = &holders; return 0; }
int nvmlDeviceGetUUID(void *device, char *text, unsigned int room) { strncpy(text, "GPU-1", room); return 0; }
int nvmlDeviceGetName(void *device, char *text, unsigned int room) { strncpy(text, "Stand-in", room); return 0; }
int nvmlDeviceGetMemoryInfo(void *device, memory_t *told) {
    process_t found[64];
    unsigned int count = holders(found, 64);
    *told = (memory_t){80ull << 30, 0, 500ull << 20};
    for (unsigned int i = 0; i < count && i < 64; i++) told->used += found[i].used;
    told->free = told->total - told->used;
    return 0;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, process_t *found) {
    unsigned int there = holders(found, found ? *count : 0), room = *count;
    *count = there;
    return there > room ? 7 : 0;
}
