"""What runs in the capture process: it reads a driver that may hang or crash, and writes pictures into shared memory.

Also a system Python can run it that has only numpy beside the standard library, and cv2 or picamera2: nothing here
imports more, and of the package only `appliance.errors`.
"""
