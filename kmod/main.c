// SPDX-License-Identifier: GPL-2.0-only
/* /dev/tracker, and the module's start and end. */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "reshare.h"

struct workqueue_struct *tracker_queue;

static int tracker_ioctl_info(struct tracker_info __user *argp)
{
	struct tracker_info info = {};

	if (copy_from_user(&info, argp, sizeof(info)))
		return -EFAULT;
	if (memchr_inv(info.__reserved, 0, sizeof(info.__reserved)))
		return -EINVAL;
	info.abi_version = TRACKER_ABI_VERSION;
	info.nr_sessions = tracker_session_count();
	return copy_to_user(argp, &info, sizeof(info)) ? -EFAULT : 0;
}

static long tracker_device_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	if (!tracker_caller_is_capable())
		return -EPERM;
	switch (cmd) {
	case TRACKER_IOC_INFO:
		return tracker_ioctl_info(argp);
	case TRACKER_IOC_SESSION_OPEN:
		return tracker_session_open(argp);
	case TRACKER_IOC_STATUS:
		return tracker_device_status(argp);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations tracker_device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = tracker_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice tracker_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "tracker",
	.fops = &tracker_device_fops,
	.mode = 0600,
};

static int __init tracker_init(void)
{
	int err = tracker_reshare_init();

	if (err)
		return err;
	err = tracker_watches_init();
	if (err)
		return err;
	err = -ENOMEM;
	tracker_queue = alloc_workqueue("tracker", WQ_UNBOUND, 0);
	if (!tracker_queue)
		goto err_watches;
	err = tracker_hooks_register();
	if (err)
		goto err_queue;
	err = misc_register(&tracker_device);
	if (err)
		goto err_hooks;
	return 0;

err_hooks:
	tracker_hooks_unregister();
err_queue:
	destroy_workqueue(tracker_queue);
err_watches:
	tracker_watches_exit();
	return err;
}

/* Nothing makes new work when the hooks are gone. */
static void __exit tracker_exit(void)
{
	misc_deregister(&tracker_device);
	tracker_hooks_unregister();
	destroy_workqueue(tracker_queue);
	tracker_watches_exit();
	rcu_barrier();
}

module_init(tracker_init);
module_exit(tracker_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Follows which pages a running process writes");
