// The resamplers of others, behind one door, for `make bench-resample`:
//
//   resamplers run  ENGINE IN OUT PPB BLOCK < float32 > float32   one channel
//   resamplers time ENGINE IN OUT PPB BLOCK SECONDS               CPU seconds it took
//   resamplers list
//
// run and time push BLOCK input frames at a time. A PPB of WANDER (with run)
// lets the ratio swing by 50 ppm at 0.5 Hz, set anew before each block.

#include <math.h>
#include <samplerate.h>
#include <soxr.h>
#include <speex/speex_resampler.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <memory>
#include <string>
#include <vector>
#include <zita-resampler/vresampler.h>

namespace {

struct Engine {
  virtual ~Engine() {}
  // ratio is output frames per input frame. It returns how many frames it wrote.
  virtual size_t Process(const float *in, size_t frames, float *out, size_t room, double ratio) = 0;
};

struct LibSampleRate : Engine {
  SRC_STATE *state;
  explicit LibSampleRate(int converter) {
    int error = 0;
    state = src_new(converter, 1, &error);
  }
  ~LibSampleRate() override { src_delete(state); }
  size_t Process(const float *in, size_t frames, float *out, size_t room, double ratio) override {
    SRC_DATA data = {};
    data.data_in = in;
    data.input_frames = (long)frames;
    data.data_out = out;
    data.output_frames = (long)room;
    data.src_ratio = ratio;
    size_t written = 0;
    while (data.input_frames > 0) {
      if (src_process(state, &data) != 0) exit(3);
      data.data_in += data.input_frames_used;
      data.input_frames -= data.input_frames_used;
      data.data_out += data.output_frames_gen;
      data.output_frames -= data.output_frames_gen;
      written += (size_t)data.output_frames_gen;
      if (data.input_frames_used == 0 && data.output_frames_gen == 0) break;
    }
    return written;
  }
};

struct Soxr : Engine {
  soxr_t state;
  bool variable;
  Soxr(bool variable, double in, double out) : variable(variable) {  // out as it is, not as it is called
    soxr_error_t error = nullptr;
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, variable ? SOXR_VR : 0);
    // A variable-rate converter is told the largest ratio of input to output.
    state = soxr_create(variable ? 1.01 * in / out : in, variable ? 1 : out, 1, &error, nullptr, &quality, nullptr);
    if (error != nullptr) exit(3);
    if (variable) soxr_set_io_ratio(state, in / out, 0);
  }
  ~Soxr() override { soxr_delete(state); }
  size_t Process(const float *in, size_t frames, float *out, size_t room, double ratio) override {
    if (variable) soxr_set_io_ratio(state, 1 / ratio, 128);
    size_t written = 0;
    while (frames > 0) {
      size_t used = 0, made = 0;
      if (soxr_process(state, in, frames, &used, out + written, room - written, &made) != nullptr) exit(3);
      in += used;
      frames -= used;
      written += made;
      if (used == 0 && made == 0) break;
    }
    return written;
  }
};

struct Speex : Engine {
  SpeexResamplerState *state;
  unsigned in, out;
  double last = 0;
  Speex(unsigned in, unsigned out) : in(in), out(out) {
    int error = 0;
    state = speex_resampler_init(1, in, out, 10, &error);
    if (error != 0) exit(3);
  }
  ~Speex() override { speex_resampler_destroy(state); }
  size_t Process(const float *in_, size_t frames, float *out_, size_t room, double ratio) override {
    if (ratio != last) {
      // The ratio is a fraction of 32-bit numbers; these are fine enough for 20 ppm.
      speex_resampler_set_rate_frac(state, 48000, (unsigned)lround(48000 * ratio), in, out);
      last = ratio;
    }
    size_t written = 0;
    while (frames > 0) {
      unsigned used = (unsigned)frames, made = (unsigned)(room - written);
      speex_resampler_process_float(state, 0, in_, &used, out_ + written, &made);
      in_ += used;
      frames -= used;
      written += made;
      if (used == 0 && made == 0) break;
    }
    return written;
  }
};

struct Zita : Engine {
  VResampler state;
  double nominal;
  Zita(double in, double out) : nominal(out / in) {
    if (state.setup(nominal, 1, 96) != 0) exit(3);
  }
  size_t Process(const float *in, size_t frames, float *out, size_t room, double ratio) override {
    state.set_rratio(ratio / nominal);
    state.inp_count = (unsigned)frames;
    state.inp_data = const_cast<float *>(in);
    state.out_count = (unsigned)room;
    state.out_data = out;
    state.process();
    return room - state.out_count;
  }
};

const char *const kNames[] = {"libsamplerate-best", "libsamplerate-medium", "soxr-vhq-variable", "soxr-vhq-fixed", "speex-10", "zita-96"};

std::unique_ptr<Engine> New(const std::string &name, unsigned in, unsigned out, double ratio) {
  if (name == kNames[0]) return std::make_unique<LibSampleRate>(SRC_SINC_BEST_QUALITY);
  if (name == kNames[1]) return std::make_unique<LibSampleRate>(SRC_SINC_MEDIUM_QUALITY);
  if (name == kNames[2]) return std::make_unique<Soxr>(true, in, out);
  if (name == kNames[3]) return std::make_unique<Soxr>(false, in, in * ratio);
  if (name == kNames[4]) return std::make_unique<Speex>(in, out);
  if (name == kNames[5]) return std::make_unique<Zita>(in, out);
  fprintf(stderr, "resamplers: no engine %s\n", name.c_str());
  exit(2);
}

double CPUSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "list") == 0) {
    for (const char *name : kNames) puts(name);
    return 0;
  }
  if (argc < 7) {
    fprintf(stderr, "usage: resamplers run|time ENGINE IN OUT PPB|WANDER BLOCK [SECONDS]\n");
    return 2;
  }
  const unsigned in = (unsigned)atoi(argv[3]), out = (unsigned)atoi(argv[4]);
  const bool wander = strcmp(argv[5], "WANDER") == 0;
  const double ratio = (double)out / in * (1 + (wander ? 0 : atof(argv[5])) * 1e-9);
  const size_t block = (size_t)atoi(argv[6]);
  std::unique_ptr<Engine> engine = New(argv[2], in, out, ratio);
  std::vector<float> from(block), to(4 * block + 65536);

  if (strcmp(argv[1], "time") == 0 && argc == 8) {
    const double seconds = atof(argv[7]);
    for (size_t i = 0; i < block; i++) from[i] = 0.9f * (float)sin(0.13 * (double)i);
    engine->Process(from.data(), block, to.data(), to.size(), ratio);
    const double began = CPUSeconds();
    for (double done = 0; done < seconds * in; done += (double)block)
      engine->Process(from.data(), block, to.data(), to.size(), ratio);
    printf("%.6f\n", CPUSeconds() - began);
    return 0;
  }
  double done = 0;
  for (size_t got; (got = fread(from.data(), sizeof(float), block, stdin)) > 0; done += (double)got) {
    double now = ratio;
    if (wander) now *= 1 + 50e-6 * sin(2 * M_PI * 0.5 * done / in);
    size_t made = engine->Process(from.data(), got, to.data(), to.size(), now);
    fwrite(to.data(), sizeof(float), made, stdout);
  }
  return 0;
}
