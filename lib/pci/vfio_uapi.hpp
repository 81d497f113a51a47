// SPDX-License-Identifier: Apache-2.0
//
// <linux/vfio.h>, and those parts of the character device and iommufd interface (kernel 6.6) that the headers of older
// distributions lack.
#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

namespace doed::pci::uapi {

struct BindIommufd {
    __u32 argsz;
    __u32 flags;
    __s32 iommufd;
    __u32 out_devid;
};
inline constexpr unsigned long device_bind_iommufd = _IO(VFIO_TYPE, VFIO_BASE + 18);

struct AttachIommufdPt {
    __u32 argsz;
    __u32 flags;
    __u32 pt_id;
};
inline constexpr unsigned long device_attach_iommufd_pt = _IO(VFIO_TYPE, VFIO_BASE + 19);

struct IoasAlloc {
    __u32 size;
    __u32 flags;
    __u32 out_ioas_id;
};
inline constexpr unsigned long iommu_ioas_alloc = _IO(';', 0x81);

}  // namespace doed::pci::uapi
