#include "barrier/backlogs.hpp"

#include <algorithm>

namespace equiload {

Backlogs::Backlogs(const std::vector<Queue>& queues, std::size_t slots)
    : slots_(slots), width_(queues.size()) {
    for (std::vector<double>* values :
         {&most_, &b_, &s_, &z_, &u_, &db_, &dz_, &du_, &weight_, &aim_z_, &aim_u_, &change_, &lack_})
        values->assign(slots * width_, 0.0);
    for (std::size_t n = 0; n < width_; ++n) {
        cost_.push_back(queues[n].cost);
        for (std::size_t t = 0; t < slots; ++t) {
            most_[t * width_ + n] = queues[n].most[t];
            if (queues[n].most[t] > 0) pairs_ += 2;
        }
    }
}

void Backlogs::start(const std::vector<double>& theta, double money) {
    for (std::size_t k = 0; k < most_.size(); ++k) {
        b_[k] = s_[k] = 0.5 * most_[k];
        if (!(most_[k] > 0)) continue;
        const double reduced = cost_[k % width_] - theta[k] + theta[k + width_];
        z_[k] = money + std::max(reduced, 0.0), u_[k] = money + std::max(-reduced, 0.0);
    }
    weigh();
}

void Backlogs::weigh() {
    for (std::size_t k = 0; k < most_.size(); ++k)
        if (most_[k] > 0) weight_[k] = 1 / (z_[k] / b_[k] + u_[k] / s_[k]);
}

const std::vector<double>& Backlogs::aim(bool corrector, double mu, const std::vector<double>& theta) {
    for (std::size_t k = 0; k < most_.size(); ++k) {
        if (!(most_[k] > 0)) continue;
        aim_z_[k] = -z_[k] + (corrector ? (mu - db_[k] * dz_[k]) / b_[k] : 0.0);
        aim_u_[k] = -u_[k] + (corrector ? (mu + db_[k] * du_[k]) / s_[k] : 0.0);
        const double error = cost_[k % width_] - theta[k] + theta[k + width_] + u_[k] - z_[k];
        change_[k] = weight_[k] * (aim_z_[k] - aim_u_[k] - error);
    }
    for (std::size_t k = 0; k < most_.size(); ++k) {
        lack_[k] = -(b_[k] + change_[k]);
        if (k >= width_) lack_[k] += b_[k - width_] + change_[k - width_];
    }
    return lack_;
}

Backlogs::Course Backlogs::direct(const std::vector<double>& dtheta) {
    Course course;
    for (std::size_t k = 0; k < most_.size(); ++k) {
        if (!(most_[k] > 0)) continue;
        const double db = change_[k] + weight_[k] * (dtheta[k] - dtheta[k + width_]);
        const double dz = aim_z_[k] - z_[k] / b_[k] * db, du = aim_u_[k] + u_[k] / s_[k] * db;
        db_[k] = db, dz_[k] = dz, du_[k] = du;
        course.primal = std::max({course.primal, -db / b_[k], db / s_[k]});
        course.dual = std::max({course.dual, -dz / z_[k], -du / u_[k]});
        course.growth_x += (z_[k] - u_[k]) * db;
        course.growth_z += b_[k] * dz + s_[k] * du;
        course.second += db * (dz - du);
    }
    return course;
}

void Backlogs::move(double primal, double dual) {
    for (std::size_t k = 0; k < most_.size(); ++k) {
        b_[k] += primal * db_[k], s_[k] -= primal * db_[k];
        z_[k] += dual * dz_[k], u_[k] += dual * du_[k];
    }
    weigh();
}

double Backlogs::complementarity() const {
    double sum = 0;
    for (std::size_t k = 0; k < most_.size(); ++k) sum += b_[k] * z_[k] + s_[k] * u_[k];
    return sum;
}

}  // namespace equiload
