// The backlogs of the queues in the interior point: b between 0 and its most, with slacks and multipliers
//     b z = s u = mu,   b + s = most,   z - u = c - theta[t] + theta[t+1].
// With D = z/b + u/s a step answers a change of the queues' prices theta by  db = (dtheta[t] -
// dtheta[t+1])/D: a chain along time with the weights 1/D. All arrays are (T, queues); the last slot leaves
// nothing.
#pragma once

#include <vector>

#include "barrier/queues.hpp"

namespace equiload {

class Backlogs {
 public:
    Backlogs(const std::vector<Queue>& queues, std::size_t slots);

    double pairs() const { return pairs_; }
    // Half full; multipliers of about `money`, exact in the dual at prices theta.
    void start(const std::vector<double>& theta, double money);
    // 1/D, and 0 for backlogs that cannot be.
    const std::vector<double>& weights() const { return weight_; }
    // Aims at 0, or for the corrector at mu and the second order of the present direction (Mehrotra). What
    // the queues' rows lack more than what is served: a right-hand side.
    const std::vector<double>& aim(bool corrector, double mu, const std::vector<double>& theta);

    struct Course {
        double primal = 0, dual = 0;                    // the largest -dx/x and -dz/z
        double growth_x = 0, growth_z = 0, second = 0;  // sums of z dx, x dz and dx dz
    };
    Course direct(const std::vector<double>& dtheta);
    void move(double primal, double dual);
    double complementarity() const;

 private:
    void weigh();

    std::size_t slots_, width_;
    std::vector<double> cost_, most_;
    std::vector<double> b_, s_, z_, u_, db_, dz_, du_, weight_;
    std::vector<double> aim_z_, aim_u_, change_, lack_;  // change: of b at unchanged prices
    double pairs_ = 0;
};

}  // namespace equiload
