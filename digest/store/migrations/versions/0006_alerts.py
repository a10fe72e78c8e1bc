"""what is still to be told, gaps that were given up, damage of feeds."""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('trouble', sa.Column('text', sa.String(), nullable=True))
    op.add_column('feed', sa.Column('gap_left_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('feed', sa.Column('complaints', sa.String(), nullable=True))
    op.add_column('feed', sa.Column('damaged_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('feed', 'damaged_at')
    op.drop_column('feed', 'complaints')
    op.drop_column('feed', 'gap_left_at')
    op.drop_column('trouble', 'text')
