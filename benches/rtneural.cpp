// RTNeural's streaming step, timed as steps.rs times this project's: one input, a GRU or an LSTM of 32, 64
// or 128 units, one output, Eigen's backend, sizes known to the compiler.
//
//     rtneural CELL UNITS
//
// prints nanoseconds per step; `cargo xtask bench --only streaming --rtneural DIR` compiles and runs it.

#include <RTNeural.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

using Matrix = std::vector<std::vector<float>>;

// The shortest of so many stretches of so many steps is the one that nothing disturbed.
constexpr int STRETCHES = 400;
constexpr int STEPS = 256;

// Uniform in +-1/sqrt(units).
Matrix weights(int rows, int columns, int units)
{
    static std::mt19937 random(1);
    const float bound = 1 / std::sqrt(static_cast<float>(units));
    std::uniform_real_distribution<float> uniform(-bound, bound);
    Matrix matrix(rows, std::vector<float>(columns));
    for (auto& row : matrix)
        std::generate(row.begin(), row.end(), [&] { return uniform(random); });
    return matrix;
}

template <int H>
void fill(RTNeural::GRULayerT<float, 1, H>& cell)
{
    cell.setWVals(weights(1, 3 * H, H));
    cell.setUVals(weights(H, 3 * H, H));
    cell.setBVals(weights(2, 3 * H, H));
}

template <int H>
void fill(RTNeural::LSTMLayerT<float, 1, H>& cell)
{
    cell.setWVals(weights(1, 4 * H, H));
    cell.setUVals(weights(H, 4 * H, H));
    cell.setBVals(weights(1, 4 * H, H)[0]);
}

template <typename Cell, int H>
double nanoseconds()
{
    using Network = RTNeural::ModelT<float, 1, 1, Cell, RTNeural::DenseT<float, H, 1>>;
    const auto network = std::make_unique<Network>();
    fill(network->template get<0>());
    network->template get<1>().setWeights(weights(1, H, H));
    network->template get<1>().setBias(weights(1, 1, H)[0].data());
    network->reset();

    // A noisy sine. A step's input is read in a vector: what lies behind the last one is there.
    std::vector<float> samples(STEPS + 16);
    for (int t = 0; t < STEPS; t++)
        samples[t] = std::sin(0.13f * t) + 0.3f * std::sin(7.1f * t * t);

    volatile float output = 0;
    double best = std::numeric_limits<double>::infinity();
    for (int stretch = 0; stretch < STRETCHES; stretch++) {
        const auto start = std::chrono::steady_clock::now();
        for (int t = 0; t < STEPS; t++)
            output = network->forward(&samples[t]);
        const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / STEPS);
    }
    return best;
}

template <int H>
double nanoseconds(const std::string& cell)
{
    return cell == "gru" ? nanoseconds<RTNeural::GRULayerT<float, 1, H>, H>()
                         : nanoseconds<RTNeural::LSTMLayerT<float, 1, H>, H>();
}

int main(int count, char** arguments)
{
    const std::string cell = count == 3 ? arguments[1] : "", units = count == 3 ? arguments[2] : "";
    double took = 0;
    if (cell == "gru" || cell == "lstm")
        took = units == "32"    ? nanoseconds<32>(cell)
               : units == "64"  ? nanoseconds<64>(cell)
               : units == "128" ? nanoseconds<128>(cell)
                                : 0;
    if (took == 0) {
        std::fputs("usage: rtneural gru|lstm 32|64|128\n", stderr);
        return 2;
    }
    std::printf("%.2f\n", took);
}
