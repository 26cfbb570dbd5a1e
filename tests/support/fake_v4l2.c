/* A V4L2 camera without hardware: preloaded, it answers the ioctls for regular files that stand for devices.
 *
 * For a file DEVICE under the folder FAKE_V4L2, DEVICE.modes lists "MJPG 640 480 30" (format, size, frames per second),
 * one a line, and DEVICE.frames holds the frames: each a 32-bit length in the machine's order, then so many bytes; they
 * are repeated for ever. DEVICE itself is the memory of the buffers, which a program maps. DEVICE.gone: unplugged.
 * DEVICE.busy: another program streams. DEVICE.slow: it lists what it lists, and delivers five frames a second. One stream of one device at a time, as in these tests.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MOST_MODES 32
#define MOST_BUFFERS 32

struct mode {
  char code[8];
  unsigned width, height, fps;
};

static struct {
  struct mode chosen;
  unsigned buffers, queued[MOST_BUFFERS], waiting, sequence;
  size_t size;
  long at;
  int64_t due_ns;
} stream;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int beside(const char *device, const char *suffix, char *path) {
  return snprintf(path, PATH_MAX, "%s.%s", device, suffix) < PATH_MAX;
}

static int is_marked(const char *device, const char *suffix) {
  char path[PATH_MAX];
  return beside(device, suffix, path) && access(path, F_OK) == 0;
}

static unsigned modes_of(const char *device, struct mode *modes) {
  char path[PATH_MAX];
  unsigned count = 0;
  FILE *file = beside(device, "modes", path) ? fopen(path, "r") : NULL;
  if (!file) return 0;
  while (count < MOST_MODES) {
    struct mode *mode = &modes[count];
    if (fscanf(file, "%4s %u %u %u", mode->code, &mode->width, &mode->height, &mode->fps) != 4) break;
    count++;
  }
  fclose(file);
  return count;
}

static uint32_t pixels(const struct mode *mode) {
  return v4l2_fourcc(mode->code[0], mode->code[1], mode->code[2], mode->code[3]);
}

static int fail(int reason) {
  errno = reason;
  return -1;
}

/* The number-th distinct thing of `modes` that `is` accepts and that differs from those before it by `same`. */
static const struct mode *nth(const struct mode *modes, unsigned count, unsigned number, uint32_t format, int by_size) {
  unsigned found = 0;
  for (unsigned i = 0; i < count; i++) {
    int is_new = !format || pixels(&modes[i]) == format;
    for (unsigned j = 0; is_new && j < i; j++) {
      int is_same = pixels(&modes[j]) == pixels(&modes[i]);
      if (by_size) is_same = is_same && modes[j].width == modes[i].width && modes[j].height == modes[i].height;
      is_new = !is_same;
    }
    if (is_new && found++ == number) return &modes[i];
  }
  return NULL;
}

/* Copy the next frame into a buffer; return its length, 0 at the end of an empty file. */
static size_t fill(const char *device, int fd, unsigned index) {
  char path[PATH_MAX];
  uint32_t length = 0;
  FILE *file = beside(device, "frames", path) ? fopen(path, "rb") : NULL;
  if (!file) return 0;
  fseek(file, stream.at, SEEK_SET);
  if (fread(&length, sizeof length, 1, file) != 1) {
    rewind(file);
    if (fread(&length, sizeof length, 1, file) != 1) length = 0;
  }
  char *data = length && length <= stream.size ? malloc(length) : NULL;
  if (!data || fread(data, length, 1, file) != 1) length = 0;
  stream.at = ftell(file);
  fclose(file);
  if (length && pwrite(fd, data, length, (off_t)(index * stream.size)) != (ssize_t)length) length = 0;
  free(data);
  return length;
}

static void choose(const char *device, struct v4l2_pix_format *wanted) {
  struct mode modes[MOST_MODES];
  unsigned count = modes_of(device, modes);
  struct mode *best = NULL;
  for (unsigned i = 0; i < count; i++) {
    int fits = pixels(&modes[i]) == wanted->pixelformat;
    int is_exact = fits && modes[i].width == wanted->width && modes[i].height == wanted->height;
    if (is_exact || (fits && !best) || !best) best = &modes[i];
    if (is_exact) break;
  }
  if (!best) return;
  stream.chosen = *best;
  stream.size = ((size_t)best->width * best->height * 3 + 4095) / 4096 * 4096;
  wanted->pixelformat = pixels(best);
  wanted->width = best->width;
  wanted->height = best->height;
  wanted->field = V4L2_FIELD_NONE;
  wanted->bytesperline = best->code[0] == 'Y' ? best->width * 2 : 0;
  wanted->sizeimage = best->code[0] == 'Y' ? best->width * best->height * 2 : stream.size;
  wanted->colorspace = V4L2_COLORSPACE_SRGB;
}

static int dequeue(const char *device, int fd, struct v4l2_buffer *buffer) {
  if (!stream.waiting) return fail(EINVAL);
  int64_t period = 1000000000LL / (is_marked(device, "slow") ? 5 : stream.chosen.fps ? stream.chosen.fps : 30);
  while (now_ns() < stream.due_ns) {
    if (is_marked(device, "gone")) return fail(ENODEV);
    struct timespec moment = {0, 1000000};
    nanosleep(&moment, NULL);
  }
  if (is_marked(device, "gone")) return fail(ENODEV);
  unsigned index = stream.queued[0];
  memmove(stream.queued, stream.queued + 1, --stream.waiting * sizeof *stream.queued);
  int64_t taken = stream.due_ns;
  stream.due_ns += period;
  if (stream.due_ns < now_ns()) { /* nobody was there: these frames are lost, as those of a real camera */
    int64_t lost = (now_ns() - stream.due_ns) / period;
    stream.due_ns += lost * period;
    stream.sequence += lost;
  }
  buffer->index = index;
  buffer->bytesused = fill(device, fd, index);
  buffer->sequence = stream.sequence++;
  buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_MAPPED;
  buffer->timestamp.tv_sec = taken / 1000000000LL;
  buffer->timestamp.tv_usec = taken % 1000000000LL / 1000;
  buffer->length = stream.size;
  return 0;
}

static int answer(const char *device, int fd, unsigned long request, void *argument) {
  struct mode modes[MOST_MODES];
  unsigned count = modes_of(device, modes);
  if (is_marked(device, "gone")) return fail(ENODEV);
  switch ((uint32_t)request) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability *it = argument;
      memset(it, 0, sizeof *it);
      strcpy((char *)it->driver, "fake");
      strcpy((char *)it->card, "Stand-in Camera");
      it->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      it->capabilities = it->device_caps | V4L2_CAP_DEVICE_CAPS;
      return 0;
    }
    case VIDIOC_ENUM_FMT: {
      struct v4l2_fmtdesc *it = argument;
      const struct mode *mode = nth(modes, count, it->index, 0, 0);
      if (!mode) return fail(EINVAL);
      it->pixelformat = pixels(mode);
      return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
      struct v4l2_frmsizeenum *it = argument;
      const struct mode *mode = nth(modes, count, it->index, it->pixel_format, 1);
      if (!mode) return fail(EINVAL);
      it->type = V4L2_FRMSIZE_TYPE_DISCRETE;
      it->discrete.width = mode->width;
      it->discrete.height = mode->height;
      return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
      struct v4l2_frmivalenum *it = argument;
      unsigned found = 0;
      for (unsigned i = 0; i < count; i++) {
        if (pixels(&modes[i]) != it->pixel_format || modes[i].width != it->width || modes[i].height != it->height) continue;
        if (found++ != it->index) continue;
        it->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        it->discrete.numerator = 1;
        it->discrete.denominator = modes[i].fps;
        return 0;
      }
      return fail(EINVAL);
    }
    case VIDIOC_S_FMT:
      if (is_marked(device, "busy")) return fail(EBUSY);
      choose(device, &((struct v4l2_format *)argument)->fmt.pix);
      return stream.size ? 0 : fail(EINVAL);
    case VIDIOC_G_FMT:
      choose(device, &((struct v4l2_format *)argument)->fmt.pix);
      return stream.size ? 0 : fail(EINVAL);
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
      struct v4l2_captureparm *it = &((struct v4l2_streamparm *)argument)->parm.capture;
      it->capability = V4L2_CAP_TIMEPERFRAME;
      it->timeperframe.numerator = 1;
      it->timeperframe.denominator = stream.chosen.fps ? stream.chosen.fps : 30;
      return 0;
    }
    case VIDIOC_REQBUFS: {
      struct v4l2_requestbuffers *it = argument;
      if (it->count > MOST_BUFFERS) it->count = MOST_BUFFERS;
      stream.buffers = it->count;
      return it->count && ftruncate(fd, (off_t)(it->count * stream.size)) ? -1 : 0;
    }
    case VIDIOC_QUERYBUF: {
      struct v4l2_buffer *it = argument;
      if (it->index >= stream.buffers) return fail(EINVAL);
      it->length = stream.size;
      it->m.offset = (uint32_t)(it->index * stream.size);
      it->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
      return 0;
    }
    case VIDIOC_QBUF: {
      struct v4l2_buffer *it = argument;
      if (it->index >= stream.buffers || stream.waiting >= MOST_BUFFERS) return fail(EINVAL);
      stream.queued[stream.waiting++] = it->index;
      return 0;
    }
    case VIDIOC_DQBUF:
      return dequeue(device, fd, argument);
    case VIDIOC_G_INPUT:
      *(int *)argument = 0;
      return 0;
    case VIDIOC_S_INPUT:
      return 0;
    case VIDIOC_ENUMINPUT:
      ((struct v4l2_input *)argument)->std = 0;
      return ((struct v4l2_input *)argument)->index ? fail(EINVAL) : 0;
    case VIDIOC_STREAMON:
      stream.due_ns = now_ns();
      stream.sequence = 0;
      stream.at = 0;
      return 0;
    case VIDIOC_STREAMOFF:
      stream.waiting = 0;
      return 0;
    default:
      return fail(ENOTTY);
  }
}

int ioctl(int fd, unsigned long request, ...) {
  static int (*real)(int, unsigned long, ...);
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  const char *folder = getenv("FAKE_V4L2");
  if (folder && _IOC_TYPE((uint32_t)request) == 'V') {
    char link[64], device[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, device, sizeof device - 1);
    if (length > 0) {
      device[length] = 0;
      if (strncmp(device, folder, strlen(folder)) == 0) return answer(device, fd, request, argument);
    }
  }
  return real(fd, request, argument);
}
